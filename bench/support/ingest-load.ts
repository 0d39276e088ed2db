import type { StreamEvent } from '#domain/events.ts'
import { toUuid } from '#domain/ids.ts'
import { answerJson, type BenchAnswer, type BenchWorld } from './answers.ts'
import { type LoadRequest, type LoadResult, runLoad } from './http-load.ts'

/* Who sends which answers in what order: the traffic of bench/ingest.ts, without saying what is measured about it. */
export interface Shape {
  readonly connections: number
  readonly courses: number
  readonly coursesPerRequest: number
  readonly answersPerRequest: number
  /** Numbers of a course arrive shuffled within windows of so many, through whichever connection is free. */
  readonly shuffled?: number
  /** Measured in turns with this one, and divided by. */
  readonly beside?: string
}

export const shapes: Readonly<Record<string, Shape>> = {
  one_course: { connections: 20, courses: 2000, coursesPerRequest: 1, answersPerRequest: 10 },
  ten_courses: { connections: 20, courses: 2000, coursesPerRequest: 10, answersPerRequest: 10 },
  single: { connections: 200, courses: 2000, coursesPerRequest: 1, answersPerRequest: 1 },
  hundred: { connections: 20, courses: 2000, coursesPerRequest: 1, answersPerRequest: 100 },
  mooc: {
    connections: 20,
    courses: 1,
    coursesPerRequest: 1,
    answersPerRequest: 10,
    shuffled: 50,
    beside: 'one_course',
  },
}

export type IngestResult = LoadResult & { readonly answers: number }

/** Requests in their order; those before `sent` are gone. */
interface Line {
  requests: LoadRequest[]
  sent: number
}

function waiting({ requests, sent }: Line): number {
  return requests.length - sent
}

/** Moves a mark instead of the rest of the line, which may be long. */
function takeFrom(line: Line): LoadRequest | undefined {
  const request = line.requests[line.sent]
  if (request === undefined) return undefined
  line.sent += 1
  if (waiting(line) === 0) Object.assign(line, { requests: [], sent: 0 })
  return request
}

export class Sender {
  readonly #world: BenchWorld
  readonly #shape: Shape
  /** Per connection; where numbers are shuffled all connections take from the first. */
  readonly #ahead: Line[]
  readonly #turns: number[]
  /** Numbers in requests that are made, by course. */
  readonly #made: number[]
  #random: number
  #acknowledged = 0

  constructor(world: BenchWorld, shape: Shape, seed: number) {
    this.#world = world
    this.#shape = shape
    this.#ahead = Array.from({ length: shape.connections }, () => ({ requests: [], sent: 0 }))
    this.#turns = new Array<number>(shape.connections).fill(0)
    this.#made = new Array<number>(shape.courses).fill(0)
    this.#random = seed >>> 0
  }

  get acknowledged(): number {
    return this.#acknowledged
  }

  /** After `finish`: what every course must hold. */
  get sentPerCourse(): readonly number[] {
    return this.#made
  }

  /** Makes requests for so many answers, so that the generator has nothing but sockets to look after while it sends. */
  makeAhead(answers: number): void {
    const { connections, answersPerRequest, shuffled } = this.#shape
    const lines = shuffled === undefined ? connections : 1
    const each = Math.ceil(answers / answersPerRequest / lines)
    for (let line = 0; line < lines; line += 1) {
      while (waiting(this.#lineOf(line)) < each) this.#make(line)
    }
  }

  async run(ports: readonly number[], seconds: number): Promise<IngestResult> {
    const until = performance.now() + seconds * 1000
    return this.#send(ports, (connection) => (performance.now() < until ? this.#next(connection) : undefined))
  }

  /** The next request of a connection, for whoever sends it in another way. */
  request(connection: number): LoadRequest {
    const request = this.#next(connection)
    if (request === undefined) throw new Error('there is no request')
    return request
  }

  /** Bodies like those that are sent, of answers that are not. */
  someBodies(count: number): Buffer[] {
    const { answersPerRequest, courses } = this.#shape
    return Array.from({ length: count }, (_, index) => {
      const answers = Array.from({ length: answersPerRequest }, (_, number) =>
        this.#world.answer(index % courses, number),
      )
      return this.#requestOf(answers).body
    })
  }

  /** Sends what was made and not sent, so that no course has a hole. */
  async finish(ports: readonly number[]): Promise<void> {
    await this.#send(ports, (connection) => takeFrom(this.#lineOf(connection)))
  }

  /** The same answers as events, `events` at a time, in runs as long as those of its requests; for a fast preload. */
  takeEvents(turn: number, events: number): StreamEvent[] {
    const { courses, answersPerRequest, coursesPerRequest } = this.#shape
    const run = answersPerRequest / coursesPerRequest
    const taken: StreamEvent[] = []
    for (let index = 0; taken.length < events; index += 1) {
      const course = (turn * Math.ceil(events / run) + index) % courses
      for (const answer of this.#take(course, run)) taken.push(eventOf(answer))
    }
    this.#acknowledged += taken.length
    return taken
  }

  /** The answers in about the order in which they were sent: ten of one course, then ten of the next. */
  sample(most: number): BenchAnswer[] {
    const sample: BenchAnswer[] = []
    const longest = Math.max(...this.#made)
    for (let from = 0; from < longest && sample.length < most; from += 10) {
      for (let course = 0; course < this.#made.length && sample.length < most; course += 1) {
        const to = Math.min(from + 10, this.#made[course] ?? 0)
        for (let number = from; number < to; number += 1) sample.push(this.#world.answer(course, number))
      }
    }
    return sample
  }

  async #send(ports: readonly number[], next: (connection: number) => LoadRequest | undefined): Promise<IngestResult> {
    const before = this.#acknowledged
    const { connections } = this.#shape
    const result = await runLoad({ host: '127.0.0.1', port: ports, connections, next })
    return { ...result, answers: this.#acknowledged - before }
  }

  #lineOf(connection: number): Line {
    const line = this.#ahead[this.#shape.shuffled === undefined ? connection : 0]
    if (line === undefined) throw new RangeError(`there is no connection ${connection}`)
    return line
  }

  #next(connection: number): LoadRequest | undefined {
    const line = this.#lineOf(connection)
    if (waiting(line) === 0) this.#make(connection)
    return takeFrom(line)
  }

  /** A course belongs to one connection, so nothing waits behind a gap, unless numbers are shuffled. */
  #make(connection: number): void {
    const { answersPerRequest, shuffled } = this.#shape
    const { requests } = this.#lineOf(connection)
    if (shuffled === undefined) {
      requests.push(this.#requestOf(this.#inOrder(connection)))
      return
    }
    const window = this.#shuffle(this.#take(0, shuffled))
    for (let from = 0; from < window.length; from += answersPerRequest) {
      requests.push(this.#requestOf(window.slice(from, from + answersPerRequest)))
    }
  }

  #inOrder(connection: number): BenchAnswer[] {
    const { courses, connections, coursesPerRequest, answersPerRequest } = this.#shape
    const turn = this.#turns[connection] ?? 0
    this.#turns[connection] = turn + 1
    const slots = Math.floor(courses / connections)
    return Array.from({ length: coursesPerRequest }, (_, index) => {
      const slot = (turn * coursesPerRequest + index) % slots
      return this.#take(connection * slots + slot, answersPerRequest / coursesPerRequest)
    }).flat()
  }

  #take(course: number, count: number): BenchAnswer[] {
    const from = this.#made[course] ?? 0
    this.#made[course] = from + count
    return Array.from({ length: count }, (_, index) => this.#world.answer(course, from + index))
  }

  #shuffle(answers: BenchAnswer[]): BenchAnswer[] {
    for (let index = answers.length - 1; index > 0; index -= 1) {
      this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0
      const other = Math.floor((this.#random / 0x100000000) * (index + 1))
      const kept = answers[index]
      const moved = answers[other]
      if (kept === undefined || moved === undefined) continue
      answers[index] = moved
      answers[other] = kept
    }
    return answers
  }

  #requestOf(answers: readonly BenchAnswer[]): LoadRequest {
    const count = answers.length
    return {
      path: '/record_responses',
      body: Buffer.from(`{"responses":[${answers.map(answerJson).join(',')}]}`),
      answered: (status, body) => {
        if (status !== 200) throw new Error(`record_responses answered ${status}: ${body.toString().slice(0, 300)}`)
        this.#acknowledged += count
      },
    }
  }
}

export function eventOf(answer: BenchAnswer): StreamEvent {
  const { course, number, response } = answer
  const data = JSON.parse(answerJson(answer))
  return { kind: 'course', stream: toUuid(course), number, eventUuid: toUuid(response), type: 'record_response', data }
}
