import { setTimeout as sleep } from 'node:timers/promises'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { namedUuid } from '#domain/named-uuid.ts'

/*
 * A small learning platform: each course sends its answers in order, a few a request, repeats what was not acknowledged
 * until it is, and keeps what it sent. It knows what it was promised, so it can tell what is missing.
 */
interface SentAnswer {
  readonly uuid: Uuid
  readonly number: number
  readonly body: object
}

interface SentCourse {
  readonly uuid: Uuid
  readonly create: object
  /** By number; number 0 is the course itself. */
  readonly answers: SentAnswer[]
  acknowledged: number
}

export interface LoadOptions {
  /** Where requests go; a request that fails is repeated at the next one. */
  readonly urls: () => readonly string[]
  readonly courses: number
  readonly seed: string
  readonly answersPerRequest?: number
  readonly pauseMs?: number
}

export class CourseLoad {
  readonly #options: LoadOptions
  readonly #courses: SentCourse[]
  readonly #running: Promise<void>[] = []
  readonly statuses = new Map<string, number>()
  #isOver = false
  #turn = 0

  constructor(options: LoadOptions) {
    this.#options = options
    this.#courses = Array.from({ length: options.courses }, (_, index) => {
      const uuid = idOf(options.seed, `course ${index}`)
      const create = {
        course_uuid: uuid,
        ecosystem_uuid: idOf(options.seed, 'ecosystem'),
        is_real_course: true,
        starts_at: '2026-01-01T00:00:00Z',
        ends_at: '2026-12-31T00:00:00Z',
        created_at: '2026-01-01T00:00:00Z',
      }
      return { uuid, create, answers: [], acknowledged: 0 }
    })
  }

  /** Also goes on after `finish`. */
  start(): void {
    this.#isOver = false
    for (const course of this.#courses) this.#running.push(this.#teach(course))
  }

  /** Events that were acknowledged, courses included. */
  get acknowledged(): number {
    return this.#courses.reduce((sum, course) => sum + course.acknowledged, 0)
  }

  get courses(): readonly Uuid[] {
    return this.#courses.map(({ uuid }) => uuid)
  }

  /** Resolves once `count` more events were acknowledged. */
  async more(count: number, timeoutMs = 40_000): Promise<void> {
    const until = performance.now() + timeoutMs
    const goal = this.acknowledged + count
    while (this.acknowledged < goal) {
      if (performance.now() > until) throw new Error(`only ${this.acknowledged} of ${goal}: ${[...this.statuses]}`)
      await sleep(10)
    }
  }

  /** What is on its way is sent until it is acknowledged. */
  async finish(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#running.splice(0))
  }

  studentOf(course: Uuid): Uuid {
    return idOf(this.#options.seed, `student ${course}`)
  }

  /** The event uuids that were acknowledged, in order. */
  promised(course: Uuid): readonly Uuid[] {
    const sent = this.#of(course)
    return [sent.uuid, ...sent.answers.map(({ uuid }) => uuid)].slice(0, sent.acknowledged)
  }

  /** What the server says it has, by course. */
  async stored(course: Uuid): Promise<readonly Uuid[]> {
    const uuids: Uuid[] = []
    for (;;) {
      const line = { request_uuid: course, course_uuid: course, sequence_number_offset: uuids.length }
      const answer = await this.post<FetchedEvents>('/fetch_course_events', {
        course_event_requests: [line],
        max_num_events: 1000,
      })
      const [response] = answer.course_event_responses
      uuids.push(...(response?.events ?? []).map(({ event_uuid }) => toUuid(event_uuid)))
      if (response?.events.length === 0 || response?.is_end === true) return uuids
    }
  }

  /** Asks what is missing and sends it again, as the client does (fetch_stream_statuses); the number of events. */
  async repair(): Promise<number> {
    let resent = 0
    for (const course of this.#courses) {
      const answer = await this.post<Statuses>('/fetch_stream_statuses', {
        stream_requests: [{ request_uuid: course.uuid, course_uuid: course.uuid }],
      })
      const from = answer.stream_responses[0]?.contiguous_sequence_number ?? 0
      if (from >= course.acknowledged) continue
      resent += course.acknowledged - from
      if (from === 0) await this.#send('/create_course', course.create)
      const missing = course.answers.filter(({ number }) => number >= Math.max(from, 1))
      await this.#send('/record_responses', { responses: missing.slice(0, 1000).map(({ body }) => body) })
    }
    return resent
  }

  /** Repeats until it is a 200. */
  async post<Answer>(path: string, body: object): Promise<Answer> {
    return JSON.parse(await this.#send(path, body))
  }

  #of(uuid: Uuid): SentCourse {
    const found = this.#courses.find((course) => course.uuid === uuid)
    if (found === undefined) throw new Error(`no course ${uuid}`)
    return found
  }

  async #teach(course: SentCourse): Promise<void> {
    if (course.acknowledged === 0) {
      await this.#send('/create_course', course.create)
      course.acknowledged = 1
    }
    while (!this.#isOver) {
      const first = course.answers.length + 1
      const numbers = Array.from({ length: this.#options.answersPerRequest ?? 2 }, (_, index) => first + index)
      const answers = numbers.map((number) => this.#answer(course, number))
      course.answers.push(...answers)
      await this.#send('/record_responses', { responses: answers.map(({ body }) => body) })
      course.acknowledged = course.answers.length + 1
      await sleep(this.#options.pauseMs ?? 5)
    }
  }

  #answer(course: SentCourse, number: number): SentAnswer {
    const { seed } = this.#options
    const uuid = idOf(seed, `answer ${course.uuid} ${number}`)
    const body = {
      response_uuid: uuid,
      course_uuid: course.uuid,
      sequence_number: number,
      ecosystem_uuid: idOf(seed, 'ecosystem'),
      trial_uuid: idOf(seed, `trial ${course.uuid} ${number}`),
      student_uuid: this.studentOf(course.uuid),
      exercise_uuid: idOf(seed, `exercise ${number % 50}`),
      is_correct: number % 3 > 0,
      is_real_response: true,
      responded_at: '2026-05-01T10:00:00Z',
    }
    return { uuid, number, body }
  }

  async #send(path: string, body: object): Promise<string> {
    for (;;) {
      const urls = this.#options.urls()
      this.#turn += 1
      const url = urls[this.#turn % urls.length] ?? ''
      try {
        const answer = await fetch(`${url}${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        })
        const text = await answer.text()
        const code = answer.headers.get('biglearn-error-code') ?? ''
        const status = `${answer.status} ${code}`.trim()
        this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
        if (answer.status === 200) return text
        if (answer.status < 500) throw new Refused(`${path} answered ${answer.status}: ${text}`)
      } catch (error) {
        if (error instanceof Refused) throw error
        this.statuses.set('no answer', (this.statuses.get('no answer') ?? 0) + 1)
      }
      // After a test that failed nobody ends it: alone it does not keep the process.
      await sleep(50, undefined, { ref: false })
    }
  }
}

class Refused extends Error {}

interface FetchedEvents {
  readonly course_event_responses: readonly { events: readonly { event_uuid: string }[]; is_end: boolean }[]
}

interface Statuses {
  readonly stream_responses: readonly { contiguous_sequence_number: number }[]
}

function idOf(seed: string, name: string): Uuid {
  return namedUuid(toUuid('5ca1ab1e-0000-4000-8000-000000000000'), `${seed} ${name}`)
}
