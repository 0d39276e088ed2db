import { setTimeout as sleep } from 'node:timers/promises'
import { decideLane } from '#crew/lanes.ts'
import { type SubscriptionRunner, startSubscription } from '#crew/run-subscription.ts'
import type { StreamEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { LanePolicy } from '#log/lane-policy.ts'
import type { LaneEntry, OpenedLog } from '#log/log.ts'
import { responseOf } from '#log/sample-events.ts'
import { seededUuid } from './support/answers.ts'
import { connectCrew } from './support/crew-connections.ts'
import { loadAverage, percentile, printLine, round } from './support/figures.ts'
import { startBenchDatabase } from './support/product.ts'

/*
 * One very busy course beside 5,000 small ones (streams.md §6, 52): how late the small ones are for a subscription of
 * two members, alone, beside the busy one in a lane of its own, and beside it in the shared lane. Each event takes the
 * consumer a moment, as real work does. Alone comes first and last: the two tell how far this machine can be trusted.
 *
 * Then one course, and a subscription of four members to which the order of each student's events is enough and an
 * event takes a millisecond: how many events a second it follows through one slot, and through four (§5.5).
 */
export interface LanesOptions {
  readonly seconds: number
  readonly seed: number
  readonly hotRate: number
  readonly smallRate: number
}

const courseCount = 5000
const tickMs = 20
const workMsPerEvent = 0.1
const warmUpMs = 2000
/** Of the course that is followed through one slot and through four. */
const slowMsPerEvent = 1
const studentCount = 5000
const followedEvents = 6000
const eventsPerRequest = 20

type Phase = 'alone' | 'own_lane' | 'shared_lane' | 'alone_again'

/** Sees each course in order, or throws; lags in ms from the moment an event was recorded until it took effect. */
class Follower {
  small: number[] = []
  hot: number[] = []
  readonly #hotCourse: Uuid
  readonly #next = new Map<Uuid, number>()

  constructor(hotCourse: Uuid) {
    this.#hotCourse = hotCourse
  }

  readonly committed = (entries: readonly LaneEntry[]): void => {
    const now = Date.now()
    for (const { stream, number, recordedAt } of entries.flatMap(({ events }) => events)) {
      const expected = this.#next.get(stream) ?? 0
      if (number !== expected) throw new Error(`${number} of ${stream} came when ${expected} was next`)
      this.#next.set(stream, number + 1)
      const lags = stream === this.#hotCourse ? this.hot : this.small
      lags.push(now - recordedAt.getTime())
    }
  }

  count(): number {
    return this.#next.values().reduce((sum, next) => sum + next, 0)
  }
}

export async function lanes(options: LanesOptions): Promise<void> {
  const database = await startBenchDatabase()
  const { log, pool, heartbeatPool, close } = await connectCrew(database.url, 6)
  const hot = toUuid(seededUuid(options.seed, 1, 0))
  const follower = new Follower(hot)
  const runners: SubscriptionRunner[] = []
  try {
    const apply = (_: unknown, entries: readonly LaneEntry[]): Promise<void> =>
      sleep(workMsPerEvent * entries.reduce((sum, { events }) => sum + events.length, 0))
    for (const _ of [1, 2]) {
      const subscription = { name: 'lanes', apply, committed: follower.committed }
      runners.push(await startSubscription({ subscription, source: log, pool, heartbeatPool }))
    }
    const load = new Load(log, hot, options)
    const figures: Record<string, number> = {}
    for (const phase of ['alone', 'own_lane', 'shared_lane', 'alone_again'] as const) {
      process.stderr.write(`lanes: ${phase}\n`)
      if (load.sent > 0) await settle({ pool, source: log }, hot, phase)
      await load.run(warmUpMs, phase)
      follower.small = []
      follower.hot = []
      await load.run(options.seconds * 1000, phase)
      while (follower.count() < load.sent) await sleep(5)
      for (const [name, lags] of Object.entries({ small: follower.small, hot: follower.hot })) {
        if (lags.length === 0) continue
        figures[`${phase}_${name}_p50_ms`] = percentile(lags, 0.5)
        figures[`${phase}_${name}_p99_ms`] = percentile(lags, 0.99)
      }
    }
    const alone = ((figures['alone_small_p99_ms'] ?? 0) + (figures['alone_again_small_p99_ms'] ?? 0)) / 2
    const ratio = (phase: Phase): number => round((figures[`${phase}_small_p99_ms`] ?? Number.NaN) / alone, 2)
    const result = { own_lane_ratio: ratio('own_lane'), shared_lane_ratio: ratio('shared_lane'), ...figures }
    await Promise.all(runners.splice(0).map((runner) => runner.stop()))
    Object.assign(result, await followedThrough(database.url, options.seed))
    const given = { ...options, courses: courseCount, work_ms_per_event: workMsPerEvent, load_average: loadAverage() }
    printLine({ bench: 'lanes', ...result, ...given, ...database.settings })
  } finally {
    await Promise.all(runners.map((runner) => runner.stop()))
    await close()
    await database.stop()
  }
}

/** The lane of the phase, and time for its slot to be owned. */
async function settle(place: Parameters<typeof decideLane>[0], hot: Uuid, phase: Phase): Promise<void> {
  const policy: LanePolicy = phase === 'own_lane' ? 'dedicated' : 'shared'
  await decideLane(place, { kind: 'course', stream: hot, policy }, { actor: 'bench', reason: phase })
  await sleep(2000)
}

/** Events a second that four members follow of one course, through one slot and through four. */
async function followedThrough(url: string, seed: number): Promise<Record<string, number>> {
  const crews = await Promise.all([1, 2, 3, 4].map(() => connectCrew(url, 3)))
  const [first] = crews
  if (first === undefined) throw new Error('four crews')
  const { log, pool } = first
  const course = toUuid(seededUuid(seed, 3, 0))
  const seen = new Set<number>()
  const apply = (_: unknown, entries: readonly LaneEntry[]): Promise<void> =>
    sleep(slowMsPerEvent * entries.reduce((sum, { events }) => sum + events.length, 0))
  const committed = (entries: readonly LaneEntry[]): void => {
    for (const { stream, number } of entries.flatMap(({ events }) => events)) {
      if (stream !== course) continue
      if (seen.has(number)) throw new Error(`${number} came twice`)
      seen.add(number)
    }
  }
  const subscription = { name: 'by student', orderedBy: 'student', startsAt: 'now', apply, committed } as const
  const runners = await Promise.all(crews.map((crew) => startSubscription({ subscription, source: crew.log, ...crew })))
  const figures: Record<string, number> = {}
  let sent = 0
  const append = async (count: number): Promise<void> => {
    for (const until = sent + count; sent < until; sent += eventsPerRequest) {
      await log.append(Array.from({ length: eventsPerRequest }, (_, index) => answerOf(course, seed, sent + index)))
    }
  }
  const follow = async (count: number): Promise<void> => {
    await append(count)
    while (seen.size < sent) await sleep(5)
  }
  try {
    for (const policy of ['dedicated', 'dedicated:4'] as const) {
      process.stderr.write(`lanes: ${policy}, ${slowMsPerEvent} ms an event\n`)
      await decideLane(
        { pool, source: log },
        { kind: 'course', stream: course, policy },
        { actor: 'bench', reason: '' },
      )
      await follow(eventsPerRequest)
      await sleep(3000)
      await follow(eventsPerRequest)
      const started = performance.now()
      await follow(followedEvents)
      const name = policy === 'dedicated' ? 'one_slot' : 'four_slots'
      figures[`${name}_events_per_s`] = round(followedEvents / ((performance.now() - started) / 1000), 0)
    }
    return figures
  } finally {
    await Promise.all(runners.map((runner) => runner.stop()))
    await Promise.all(crews.map((crew) => crew.close()))
  }
}

function answerOf(course: Uuid, seed: number, number: number): StreamEvent {
  const event = responseOf(course, number)
  return { ...event, data: { ...event.data, student_uuid: seededUuid(seed, 4, number % studentCount) } }
}

/** Appends at fixed rates, whatever the log takes; what is late is sent at once. */
class Load {
  sent = 0
  readonly #log: OpenedLog
  readonly #hot: Uuid
  readonly #options: LanesOptions
  readonly #next = new Map<Uuid, number>()
  readonly #courses: readonly Uuid[]
  #turn = 0

  constructor(log: OpenedLog, hot: Uuid, options: LanesOptions) {
    this.#log = log
    this.#hot = hot
    this.#options = options
    this.#courses = Array.from({ length: courseCount }, (_, index) => toUuid(seededUuid(options.seed, 2, index)))
  }

  async run(ms: number, phase: Phase): Promise<void> {
    const started = performance.now()
    const inFlight = new Set<Promise<void>>()
    const rates = { small: this.#options.smallRate, hot: phase.startsWith('alone') ? 0 : this.#options.hotRate }
    let sentMs = 0
    while (sentMs < ms) {
      const dueMs = Math.min(ms, Math.floor((performance.now() - started) / tickMs) * tickMs)
      for (; sentMs < dueMs; sentMs += tickMs) {
        for (const events of [this.#smallEvents(rates.small), this.#hotEvents(rates.hot)]) {
          if (events.length === 0) continue
          const sending = this.#send(events).finally(() => inFlight.delete(sending))
          inFlight.add(sending)
        }
      }
      await sleep(tickMs / 4)
    }
    await Promise.all(inFlight)
  }

  async #send(events: readonly StreamEvent[]): Promise<void> {
    const result = await this.#log.append(events)
    if (result.kind !== 'stored') throw new Error(`an append was ${result.kind}`)
    this.sent += events.length
  }

  #smallEvents(rate: number): StreamEvent[] {
    return Array.from({ length: Math.round((rate * tickMs) / 1000) }, () => {
      this.#turn = (this.#turn + 1) % this.#courses.length
      return this.#eventOf(this.#courses[this.#turn] ?? this.#hot)
    })
  }

  #hotEvents(rate: number): StreamEvent[] {
    return Array.from({ length: Math.round((rate * tickMs) / 1000) }, () => this.#eventOf(this.#hot))
  }

  #eventOf(course: Uuid): StreamEvent {
    const number = this.#next.get(course) ?? 0
    this.#next.set(course, number + 1)
    return responseOf(course, number)
  }
}
