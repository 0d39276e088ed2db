import { randomUUID } from 'node:crypto'
import type { StreamEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { LaneCursor, OpenedLog } from '#log/log.ts'
import { courseOf, createCourseOf, eventOf, responseOf, uuidOf } from '#log/sample-events.ts'
import { inTransaction } from '#platform/postgres.ts'
import { CircuitBreaker } from './breaker.ts'
import { type CatchUpContext, stepException, takeUnblocked } from './catch-up.ts'
import { dueExceptions } from './exceptions.ts'
import { allGuards, type Guards } from './guards.ts'
import { shareLane } from './lanes.ts'
import { laneOf, type SlotKey, slotName } from './ownership.ts'
import { runPass, type SlotBatch, startsAtBarrier } from './pass.ts'
import { positionsOn, postgresCrewStore } from './postgres-store.ts'
import { createOwnershipStore, createSlotsOfLanes, registerSubscription, type SlotGrant } from './slots.ts'
import type { CrewConnection } from './store.ts'
import { slotOfShare } from './sub-streams.ts'
import type { Subscription } from './subscription.ts'
import { recording, type TestCrew } from './test-crew.ts'

/*
 * One part of a real log on a real database, its streams moved between lanes at random, and workers that read, deliver,
 * fail, crash and take lanes from one another in an order drawn from a seed. Effects are written without any guard.
 */
export const handOverPart = 7
const parts = 64
const runsAtOnce = 2
const by = { actor: 'test', reason: 'test' }

/** Courses of `handOverPart`. */
export function coursesOfPart(name: string, count: number): Uuid[] {
  const found: Uuid[] = []
  for (let index = 0; found.length < count; index += 1) {
    const course = courseOf(`${name} ${index}`)
    if (partOf('course', course, parts) === handOverPart) found.push(course)
  }
  return found
}

interface Worker {
  readonly member: Uuid
  readonly connection: CrewConnection
  readonly grants: Map<string, SlotGrant>
}

export interface WorldOptions {
  readonly crew: TestCrew
  readonly log: OpenedLog
  readonly name: string
  readonly random: () => number
  readonly guards?: Guards
  /** Its subscription is ordered by student, most events are answers, and lanes change their number of slots. */
  readonly isDivided?: boolean
}

export class HandOverWorld {
  readonly streams: readonly Uuid[]
  /** How often a lane stopped at a run that came from another one, and a stream waited aside. */
  waits = 0
  /** How often a lane got another number of slots. */
  changes = 0
  /** What was appended. */
  readonly events = new Map<Uuid, StreamEvent[]>()
  readonly #options: WorldOptions
  readonly #next = new Map<Uuid, number>()
  readonly #held: ReturnType<typeof eventOf>[] = []
  readonly #poisoned = new Set<Uuid>()
  #crashes = false
  readonly #workers: Worker[] = []

  constructor(options: WorldOptions) {
    this.#options = options
    this.streams = coursesOfPart(options.name, 3)
  }

  async #open(): Promise<void> {
    const { crew, log, name } = this.#options
    const orderedBy = this.#options.isDivided ? 'student' : 'stream'
    const setup = { name, mode: 'embedded', kinds: ['course'], startsAt: 'now', parts, orderedBy } as const
    await registerSubscription(crew.admin, setup, () => log.laneHeads())
    const limits = { lockTimeoutMs: 5000, idleTimeoutMs: 5000, totalTimeoutMs: undefined }
    const subscription = { name, apply: this.#apply }
    const pool = crew.pool(2)
    const store = postgresCrewStore({ pool, heartbeatPool: pool, subscription, limits, build: '' })
    for (let index = 0; index < 2; index += 1) {
      const connection = await store.connect(() => undefined)
      this.#workers.push({ member: toUuid(randomUUID()), connection, grants: new Map() })
    }
  }

  /** So many things that can happen, then to the end. */
  async run(steps: number): Promise<void> {
    try {
      await this.#open()
      for (let step = 0; step < steps; step += 1) await this.#step()
      await this.#drain()
    } finally {
      for (const { connection } of this.#workers) connection.close()
    }
  }

  async #step(): Promise<void> {
    const { isDivided = false, random } = this.#options
    if (isDivided && random() < 0.08) return this.#share()
    const draw = random()
    if (draw < 0.25) await this.#append(this.#any(this.streams))
    else if (draw < 0.4) await this.#move()
    else if (draw < 0.5) await this.#take(this.#any(this.#workers), this.#any(await this.#slots()))
    else if (draw < 0.7) await this.#pass(this.#any(this.#workers))
    else if (draw < 0.85) await Promise.all(this.#workers.map((worker) => this.#pass(worker)))
    else if (draw < 0.95) await this.#stepExceptions(this.#any(this.#workers))
    else this.#poison()
  }

  /** Nothing fails any more: everything that is owed is delivered. */
  async #drain(): Promise<void> {
    const { log, crew, name } = this.#options
    this.#poisoned.clear()
    if (this.#held.length > 0) await log.append(this.#held.splice(0))
    // Their lanes are free for the next ones.
    for (const stream of this.streams) await log.moveStream('course', stream, 'shared', by)
    const [worker] = this.#workers
    if (worker === undefined) throw new Error('the world is not open')
    for (let round = 0; round < 300; round += 1) {
      for (const slot of await this.#slots()) await this.#take(worker, slot)
      await this.#pass(worker, true)
      await this.#stepExceptions(worker)
      const heads = await log.laneHeads()
      const late = [...worker.grants.values()].filter((grant) => {
        return (heads.get(slotName(slotOfShare(grant, 0))) ?? 0n) > grant.position
      })
      const aside = await crew.admin.query('select from course_exception where subscription = $1', [name])
      if (late.length === 0 && aside.rowCount === 0) return
    }
    throw new Error(`${name} does not come to its end`)
  }

  countOf(stream: Uuid): number {
    return this.#next.get(stream) ?? 0
  }

  #any<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.#options.random() * items.length)]
    if (item === undefined) throw new Error('nothing to choose from')
    return item
  }

  async #slots(): Promise<SlotKey[]> {
    const found = await this.#options.crew.admin.query<SlotKey>(
      'select part, lane from slot where subscription = $1 and part = $2 order by lane',
      [this.#options.name, handOverPart],
    )
    return found.rows
  }

  async #append(stream: Uuid): Promise<void> {
    const { log, random } = this.#options
    const from = this.#next.get(stream) ?? 0
    const count = 1 + Math.floor(random() * 3)
    this.#next.set(stream, from + count)
    const events = Array.from({ length: count }, (_, index) => {
      const number = from + index
      if (number === 0) return createCourseOf(stream, uuidOf('ecosystem'))
      const isAnswer = this.#options.isDivided && random() < 0.8
      return isAnswer ? responseOf(stream, number) : eventOf(stream, number, 'update_roster')
    })
    this.events.set(stream, [...(this.events.get(stream) ?? []), ...events])
    if (random() < 0.2 && from > 0) this.#held.push(...events)
    else await log.append([...events, ...(random() < 0.5 ? this.#held.splice(0) : [])])
  }

  async #move(): Promise<void> {
    const { log, crew, random } = this.#options
    const stream = this.#any(this.streams)
    const to = random() < 0.5 ? 'dedicated' : 'shared'
    const { lane } = await log.moveStream('course', stream, to, by)
    await createSlotsOfLanes(crew.admin, [{ part: handOverPart, lane }])
    if (random() < 0.7) await this.#append(stream)
  }

  /** Another number of slots for any lane of one stream. */
  async #share(): Promise<void> {
    const { crew, log, name } = this.#options
    const lanes = (await this.#slots()).filter(({ lane }) => lane > 0)
    if (lanes.length === 0) return
    const [slot, shares] = [slotOfShare(this.#any(lanes), 0), this.#any([1, 2, 4])]
    await inTransaction(crew.admin, (client) => shareLane({ source: log }, positionsOn(client, name), slot, shares))
    this.changes += 1
  }

  /** From whoever has it: a lease that ended, or a new member. */
  async #take(worker: Worker, wanted: SlotKey): Promise<void> {
    const { crew, name } = this.#options
    const store = createOwnershipStore({ pool: crew.admin, subscription: name, build: '' })
    const seen = (await store.slots()).filter((slot) => slotName(slot) === slotName(wanted))
    for (const grant of await store.acquire(worker.member, seen)) worker.grants.set(slotName(grant), grant)
  }

  readonly #apply: Subscription['apply'] = async (transaction, entries) => {
    const effects = recording(this.#options.name, ({ events }) => {
      if (events.some(({ stream }) => this.#poisoned.has(stream))) throw new Error('poisoned')
    })
    await effects.apply(transaction, entries)
    if (this.#crashes) throw new Error('crashed')
  }

  #context({ connection }: Worker): CatchUpContext {
    const { guards = allGuards, log } = this.#options
    return { connection, guards, source: log, parts }
  }

  async #pass(worker: Worker, isWhole = false): Promise<void> {
    const { log, random } = this.#options
    const chosen = [...worker.grants.values()].filter(() => isWhole || random() < 0.4)
    if (chosen.length === 0) return
    const batches = await Promise.all(
      chosen.map(async (grant): Promise<SlotBatch> => {
        const { part, lane, position: from } = grant
        const cursor: LaneCursor = { part, lane: laneOf(grant), after: from }
        const entries = await log.readLanes([cursor], isWhole ? 50 : runsAtOnce)
        return { grant, from, entries: entries.map((entry) => ({ ...entry, lane })) }
      }),
    )
    const isIsolated = random() < 0.5
    const goesAlone = (batch: SlotBatch): boolean => startsAtBarrier(batch) || (isIsolated && batch.grant.shares > 1)
    const together = batches.filter((batch) => !goesAlone(batch))
    for (const some of [together, ...batches.filter(goesAlone).map((batch) => [batch])]) {
      if (some.length > 0) await this.#deliver(worker, some, isWhole, isIsolated)
    }
  }

  async #deliver(worker: Worker, batches: readonly SlotBatch[], isWhole: boolean, isIsolated: boolean): Promise<void> {
    const { random } = this.#options
    const isolation = { breaker: new CircuitBreaker(), nowMs: () => performance.now() }
    this.#crashes = !isWhole && random() < 0.15
    try {
      const result = await runPass(this.#context(worker), batches, isIsolated && !this.#crashes ? isolation : undefined)
      this.waits += result.waiting.size
      for (const grant of result.lost) worker.grants.delete(slotName(grant))
      for (const [name, position] of result.positions) {
        const grant = worker.grants.get(name)
        // Sometimes the answer was lost, and the worker does not know how far it is.
        if (grant !== undefined && (isWhole || random() < 0.9)) worker.grants.set(name, { ...grant, position })
      }
    } catch (error) {
      if (!(error instanceof Error) || !/poisoned|crashed/.test(error.message)) throw error
    } finally {
      this.#crashes = false
    }
  }

  async #stepExceptions(worker: Worker): Promise<void> {
    const { crew, name, log } = this.#options
    await crew.admin.query('update course_exception set next_at = now() where subscription = $1', [name])
    const due = await dueExceptions(crew.admin, name, await this.#slots(), ['retry', 'parked', 'blocked'], 20)
    const place = { source: log, due: async () => due, postpone: async () => undefined }
    for (const exception of await takeUnblocked(place)) {
      if (exception.isHandedOver) this.waits += 1
      const grant = worker.grants.get(slotName(exception))
      if (grant !== undefined) await stepException(this.#context(worker), grant, exception, 2)
    }
  }

  #poison(): void {
    const stream = this.#any(this.streams)
    if (!this.#poisoned.delete(stream)) this.#poisoned.add(stream)
  }
}
