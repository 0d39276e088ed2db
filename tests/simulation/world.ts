import { replayStart } from '#crew/control.ts'
import { allGuards, type Guards } from '#crew/guards.ts'
import { shareLane } from '#crew/lanes.ts'
import { laneOf, slotName, slotNamed } from '#crew/ownership.ts'
import { WaitsForStream } from '#crew/subscription.ts'
import type { StreamEvent, StreamKind } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import { scanBody } from '#log/codec.ts'
import { type LaneEntry, LogOverloaded, type OpenedLog } from '#log/log.ts'
import { openLogOn } from '#log/open.ts'
import { createEcosystemOf, uuidOf } from '#log/sample-events.ts'
import { Clients } from './clients.ts'
import { addSlot, addSubscription, simulatedCrewStore } from './crew-store.ts'
import { countExceptions, keepUntil, put } from './exception-rules.ts'
import { divided, Invariants } from './invariants.ts'
import { simulatedLogStore } from './log-store.ts'
import { type Consumer, SimulatedProcess, ttlMs } from './process.ts'
import { lockOn, type Observer, quietFaults, SimulatedServer, sqlState } from './server.ts'
import { type Change, headOf, streamKeyOf, subscriptionOf } from './state.ts'
import { ProcessTime, VirtualTime } from './virtual-time.ts'

/*
 * Everything together: producers, processes and consumers on one server, while processes are killed and frozen,
 * answers lost, the server crashed and replaced, clocks moved and courses moved, poisoned and repaired. Then all of it
 * is healed, and what was promised has to be there.
 */
export interface WorldOptions {
  readonly seed: number
  readonly parts?: number
  readonly courses?: number
  readonly processes?: number
  readonly guards?: Partial<Guards>
  readonly readsHeadsUnderGate?: boolean
  /** With a third subscription, to which the order of each student's events is enough. */
  readonly isDivided?: boolean
  /** Which faults happen; all when absent. */
  readonly faults?: readonly FaultName[]
  /** Milliseconds of virtual time between two faults, on average. */
  readonly faultEveryMs?: number
}

export type FaultName = keyof typeof faultsByName

export class World {
  readonly time: VirtualTime
  readonly server: SimulatedServer
  readonly invariants: Invariants
  readonly operator: ProcessTime
  /** Of a process that nothing happens to. */
  readonly operatorLog: Promise<OpenedLog>
  readonly clients: Clients
  readonly courses: readonly Uuid[]
  readonly injected = new Map<FaultName, number>()
  processes: SimulatedProcess[] = []
  readonly poisoned = new Set<Uuid>()
  awaited = uuidOf('awaited ecosystem')
  /** The course that waits for it. */
  waiting: Uuid | undefined
  operations = 0
  /** Slots that a lane was read through, at most. */
  mostShares = 1
  readonly parts: number
  readonly #options: WorldOptions
  readonly #lastSteps: string[] = []
  #isHealed = false
  #rounds = 0
  #workMsMax = 10

  constructor(options: WorldOptions) {
    this.#options = options
    this.time = new VirtualTime(options.seed)
    this.server = new SimulatedServer(this.time, { ...quietFaults })
    this.operator = new ProcessTime(this.time, { offsetMs: 0, drift: 1 })
    this.parts = options.parts ?? 2
    this.operatorLog = this.#openOperatorLog()
    // A server that fails in the first moments: operators find it closed.
    this.operatorLog.catch(() => undefined)
    this.courses = Array.from({ length: options.courses ?? 5 }, (_, index) => uuidOf(`simulated course ${index}`))
    this.invariants = new Invariants(this.server, this.parts)
    this.server.observers.push(this.#tracer(), this.invariants)
    this.clients = new Clients({
      time: this.time,
      courses: this.courses,
      invariants: this.invariants,
      log: () => this.#anyLog(),
      storedUuid: (event) => this.#storedUuid(event),
    })
    for (const name of this.names) this.server.prepare((state) => addSubscription(state, name, this.parts))
  }

  /** Of the subscriptions. */
  get names(): readonly string[] {
    return ['plain', 'fussy', ...(this.#options.isDivided ? [divided] : [])]
  }

  #openOperatorLog(): Promise<OpenedLog> {
    const { server, operator: process, parts } = this
    const partOfStream = (kind: StreamKind, stream: Uuid): number => partOf(kind, stream, parts)
    const asInProduction = { readsHeadsUnderGate: true, readsStandby: false }
    const store = simulatedLogStore({ server, process, parts, partOf: partOfStream, ...asInProduction })
    return openLogOn(store, { parts, time: process })
  }

  #tracer(): Observer {
    return {
      committed: () => undefined,
      restored: (lost, isLossy) => this.say(`the server goes on without its last ${lost} commits`, isLossy),
      statement: (session, { name }) => {
        this.operations += 1
        this.say(`session ${session.id} (${session.purpose}): ${name}`)
      },
    }
  }

  say(...words: readonly unknown[]): void {
    this.#lastSteps.push(`${(this.time.nowMs / 1000).toFixed(3)} s  ${words.join(' ')}`)
    if (this.#lastSteps.length > 60) this.#lastSteps.shift()
  }

  get lastSteps(): readonly string[] {
    return this.#lastSteps
  }

  async #anyLog(): Promise<OpenedLog> {
    const process = this.time.chosen(this.processes)
    if (process === undefined) throw new Error('Connection terminated: nobody is there')
    return process.log
  }

  #storedUuid({ kind, stream, number }: StreamEvent): Uuid | undefined {
    const stored = this.invariants.stored.get(stream)?.[number]
    if (stored !== undefined) return stored
    const rows = this.server.state.pending.get(streamKeyOf(partOf(kind, stream, this.parts), stream)) ?? []
    for (const row of rows) {
      if (number >= row.next || number < row.next - row.events) continue
      const events = scanBody(row.body.toString('hex'), { kind, stream, start: row.next - row.events })
      for (const event of events) if (event.number === number) return event.eventUuid
    }
    return undefined
  }

  #consumers(): Consumer[] {
    const workMs = (): number => this.time.random() * this.#workMsMax
    const kinds: readonly StreamKind[] = ['course']
    return [
      { name: 'plain', kinds, eventsMax: 40, check: () => undefined, workMs },
      ...this.names.slice(1).map((name): Consumer => {
        return { name, kinds, eventsMax: 40, check: (entries) => this.#checkFussy(entries), workMs }
      }),
    ]
  }

  #checkFussy(entries: readonly LaneEntry[]): void {
    for (const { events } of entries) {
      const stream = events[0]?.stream
      if (stream === undefined) continue
      if (this.poisoned.has(stream)) throw new Error(`poisoned: ${stream}`)
      const hasArrived = headOf(this.server.state, partOf('ecosystem', this.awaited, this.parts), this.awaited) > 0
      if (stream === this.waiting && !hasArrived) throw new WaitsForStream('ecosystem', this.awaited)
    }
  }

  addProcess(): void {
    const process = new SimulatedProcess({
      server: this.server,
      parts: this.parts,
      subscriptions: this.#consumers(),
      guards: { ...allGuards, ...this.#options.guards },
      readsHeadsUnderGate: this.#options.readsHeadsUnderGate ?? true,
      readsStandby: false,
    })
    this.processes.push(process)
  }

  removeProcess(process: SimulatedProcess): void {
    this.processes = this.processes.filter((other) => other !== process)
  }

  /** Faults for `ms`, then a healing; throws the first violation. */
  async run(ms: number): Promise<void> {
    await this.disturb(ms)
    await this.#heal()
  }

  /** Faults for `ms`, which go on. */
  async disturb(ms: number, isOver: () => boolean = () => false): Promise<void> {
    this.#isHealed = false
    this.#rounds += 1
    this.awaited = uuidOf(`awaited ecosystem ${this.#rounds}`)
    this.waiting = undefined
    while (this.processes.length < (this.#options.processes ?? 3)) this.addProcess()
    this.clients.isOver = false
    this.clients.start(3)
    void this.#injectFaults()
    await this.#runUntil(this.time.nowMs + ms, isOver)
  }

  /** What an operator does to a subscription or a lane, in one transaction. */
  operate(name: string, words: readonly unknown[], change: Change): void {
    this.server.change(change)
    for (const observer of this.server.observers) observer.operated?.(name, words)
  }

  async #runUntil(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    await this.time.run(untilMs, () => this.invariants.violation !== undefined || isOver())
    if (this.invariants.violation !== undefined) throw this.invariants.violation
  }

  async #injectFaults(): Promise<void> {
    const names = this.#options.faults ?? faultNames
    while (!this.#isHealed) {
      await this.time.sleep(2 * this.time.random() * (this.#options.faultEveryMs ?? 1500))
      const name = this.time.chosen(names)
      if (this.#isHealed || name === undefined) return
      this.injected.set(name, (this.injected.get(name) ?? 0) + 1)
      this.say(`fault: ${name}`)
      void faultsByName[name](this).catch((error: unknown) => {
        if (!isExpected(error)) this.invariants.fail(`${name}: ${error}`)
      })
    }
  }

  /** Everything works again; what was promised must come true within a bound. */
  async #heal(): Promise<void> {
    this.#isHealed = true
    this.say('everything is healed')
    Object.assign(this.server.faults, quietFaults)
    this.poisoned.clear()
    for (const process of this.processes) process.time.thaw()
    for (const process of this.server.unreachable) this.server.reach(process)
    while (this.processes.length < 2) this.addProcess()
    this.clients.isOver = true
    void this.#bringAwaited()
    void this.clients.finish()
    for (const name of this.server.state.subscriptions.keys()) this.#resume(name)
    const limitMs = this.time.nowMs + 240_000
    let looksMs = this.time.nowMs
    while (!this.#isComplete()) {
      if (this.time.nowMs >= limitMs) this.invariants.fail(this.#missing())
      this.#retryAll()
      looksMs += 500
      await this.#runUntil(looksMs)
    }
    this.clients.checkAcknowledged()
    await this.#runUntil(this.time.nowMs + this.#longestLeaseMs() + 2 * ttlMs)
    this.#checkBalance()
    if (this.invariants.violation !== undefined) throw this.invariants.violation
  }

  /** Where the clock of the server was set back, the leases of the dead last for longer. */
  #longestLeaseMs(): number {
    const members = [...this.server.state.subscriptions.values()].flatMap((one) => [...one.members.values()])
    return Math.max(0, ...members.map(({ leaseUntilMs }) => leaseUntilMs - this.server.nowMs()))
  }

  async #bringAwaited(): Promise<void> {
    for (;;) {
      try {
        await (await this.#anyLog()).append([createEcosystemOf(this.awaited)])
        return
      } catch {
        await this.time.sleep(500)
      }
    }
  }

  #resume(name: string): void {
    this.server.change((state) => {
      subscriptionOf(state, name).isPaused = false
    })
  }

  /** As an operator does it for each stream that is set aside, under the lock of its slot. */
  #retryAll(): void {
    for (const [name, { exceptions }] of this.server.state.subscriptions) {
      for (const [key, row] of exceptions) {
        if (row.nextAtMs <= this.server.nowMs() + 1000 && row.state !== 'parked') continue
        if (this.server.isLocked(`slot ${name} ${slotName(row)}`)) continue
        this.server.change((state) => {
          const state_ = row.state === 'parked' ? 'retry' : row.state
          subscriptionOf(state, name).exceptions.set(key, {
            ...row,
            state: state_,
            attempts: 0,
            nextAtMs: this.server.nowMs(),
          })
        })
      }
    }
  }

  #isComplete(): boolean {
    return this.clients.isIdle && this.#missing() === ''
  }

  #missing(): string {
    for (const course of this.courses) {
      const count = this.clients.expected(course)
      const head = headOf(this.server.state, partOf('course', course, this.parts), course)
      if (head !== count) return `liveness: ${course} ends at ${head} and not at ${count}`
      for (const [name, { effects, exceptions }] of this.server.state.subscriptions) {
        const last = (effects.get(course)?.at(-1)?.number ?? -1) + 1
        const applied = name === divided ? this.invariants.dividedCount(course) : last
        if (applied !== count) return `liveness: ${name} applied ${applied} of ${count} events of ${course}`
        if (exceptions.size > 0) return `liveness: ${name} has ${exceptions.size} streams set aside`
      }
    }
    return this.clients.isIdle ? '' : 'liveness: a client waits for an answer'
  }

  /** L4. */
  #checkBalance(): void {
    for (const [name, { slots }] of this.server.state.subscriptions) {
      const members = this.processes.flatMap(({ runners }) => runners.filter((runner) => runner.status().name === name))
      const shares = members.map((runner) => runner.status().ownedSlots)
      const owned = shares.reduce((sum, share) => sum + share, 0)
      if (owned !== slots.size) this.invariants.fail(`L4: ${owned} of ${slots.size} slots of ${name} are owned`)
      // A lane with several slots is shared out by itself.
      const lanes = new Set(
        [...slots.values()].flatMap((slot) => (slot.shares > 1 ? [`${slot.part}/${laneOf(slot)}`] : [])),
      )
      if (Math.max(...shares) - Math.min(...shares) > 1 + lanes.size)
        this.invariants.fail(`L4: shares ${shares.join(' ')} of ${name}`)
    }
  }
}

function isExpected(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : ''
  if (error instanceof LogOverloaded) return true
  return code === 'ECONNRESET' || code === 'ECONNREFUSED' || code === sqlState.statementTimeout
}

/** As src/crew/control.ts does it: under the locks of the part's slots. */
async function replay(world: World, log: OpenedLog, name: string, stream: Uuid): Promise<void> {
  const part = partOf('course', stream, world.parts)
  const session = await world.server.connect(world.operator, 'operator')
  const draw = world.time.random()
  await session.call('replay', [name, stream, draw], async () => {
    session.begin({ lockTimeoutMs: 5000, idleTimeoutMs: 10_000 })
    const slots = [...subscriptionOf(world.server.state, name).slots.values()].filter((slot) => slot.part === part)
    for (const slot of slots.sort((one, other) => one.lane - other.lane)) {
      await session.lock(lockOn.slot(name, slotName(slot)))
    }
    await session.lock(lockOn.exception(name, part, stream))
    const [status] = await log.statuses([{ kind: 'course', stream }], 0)
    const heads = await log.laneHeads()
    const untilNumber = status?.contiguousSequenceNumber ?? 0
    const isAside = subscriptionOf(world.server.state, name).exceptions.has(streamKeyOf(part, stream))
    if (untilNumber === 0 || isAside) return void session.rollback()
    const from = name === divided ? 0 : Math.floor(draw * untilNumber)
    const lanes = [...heads.keys()].map(slotNamed).filter((lane) => lane.part === part)
    const positions = new Map(slots.map((slot) => [slotName(slot), slot.position]))
    const nextNumber = await replayStart(log, { lanes, positions, stream, from })
    const untouched = { attempts: 0, nextAtMs: world.server.nowMs(), awaited: undefined, awaitedLane: undefined }
    const kept = { afterPosition: 0n, afterLanes: [], owedFrom: undefined, ...untouched }
    session.changes.push(
      put(name, { part, lane: 0, stream, state: 'replay', nextNumber, untilNumber, ...kept }),
      countExceptions(name, { part, lane: 0 }, 1),
      ...[...heads].flatMap(([key, head]) => {
        const slot = slotNamed(key)
        return slot.part === part ? [keepUntil(name, slot, stream, head)] : []
      }),
    )
    world.invariants.replayed(name, stream, nextNumber)
    session.commit(true)
    return { nextNumber, status, heads }
  })
  session.close()
}

const by = { actor: 'simulation', reason: 'simulation' }

function makeSlots(world: World, part: number, lane: number): void {
  world.operate('slots of', [{ part, lane }], (state) => {
    for (const name of state.subscriptions.keys()) addSlot(state, name, part, lane)
  })
}

/** What can happen; each is over when its promise is. */
const faultsByName = {
  async kill(world: World) {
    const process = world.time.chosen(world.processes)
    if (process === undefined) return
    process.kill()
    world.removeProcess(process)
    await world.time.sleep(world.time.random() * 3000)
    world.addProcess()
  },
  async deploy(world: World) {
    const process = world.time.chosen(world.processes)
    if (process === undefined || process.time.isFrozen) return
    world.addProcess()
    world.removeProcess(process)
    await process.stop()
  },
  async freeze(world: World) {
    const process = world.time.chosen(world.processes)
    process?.time.freeze()
    await world.time.sleep(world.time.random() * 12_000)
    if (process?.isOver === false) process.time.thaw()
  },
  async cut(world: World) {
    for (const session of world.server.sessions()) if (world.time.random() < 0.5) world.server.cut(session)
  },
  async partition(world: World) {
    const process = world.time.chosen(world.processes)
    if (process === undefined) return
    world.server.unreachable.add(process.time)
    await world.time.sleep(world.time.random() * 20_000)
    world.server.reach(process.time)
  },
  async lostAnswers(world: World) {
    world.server.faults.lostAnswers = 0.05
    await world.time.sleep(3000)
    world.server.faults.lostAnswers = 0
  },
  async slowNetwork(world: World) {
    world.server.faults.delayMsMax = 300
    await world.time.sleep(world.time.random() * 5000)
    world.server.faults.delayMsMax = 4
  },
  async crash(world: World) {
    world.server.crash(world.time.random() * 2000)
  },
  async failover(world: World) {
    world.server.failover('synchronous', world.time.random() * 4000)
  },
  async lossyFailover(world: World) {
    world.server.faults.standbyLagMs = world.time.random() * 2000
    world.server.failover('lossy', world.time.random() * 4000)
    await world.clients.resendLost()
  },
  async clockJump(world: World) {
    world.server.clockJumpMs += (world.time.random() - 0.5) * 60_000
  },
  async poison(world: World) {
    const course = world.time.chosen(world.courses)!
    world.poisoned.add(course)
    await world.time.sleep(world.time.random() * 8000)
    world.poisoned.delete(course)
  },
  async awaitStream(world: World) {
    world.waiting ??= world.time.chosen(world.courses)
  },
  async pause(world: World) {
    const name = world.time.chosen(world.names)!
    const set = (isPaused: boolean): void =>
      world.operate('pause', [name, isPaused], (state) => {
        subscriptionOf(state, name).isPaused = isPaused
      })
    set(true)
    await world.time.sleep(world.time.random() * 3000)
    set(false)
  },
  /** To a lane of its own and back, as `biglearn streams lane` does it; now and then its slots are left to be found. */
  async move(world: World) {
    const process = world.time.chosen(world.processes)
    const course = world.time.chosen(world.courses)!
    if (process === undefined) return
    const to = world.time.random() < 0.6 ? 'dedicated' : 'shared'
    const { lane } = await (await process.log).moveStream('course', course, to, by)
    if (world.time.random() < 0.2) return
    makeSlots(world, partOf('course', course, world.parts), lane)
  },
  /** A course has a lane of its own, and that gets another number of slots. */
  async share(world: World) {
    if (!world.names.includes(divided)) return
    const course = world.time.chosen(world.courses)!
    const part = partOf('course', course, world.parts)
    const shares = world.time.chosen([1, 2, 4])!
    const source = await world.operatorLog
    const { lane } = await source.moveStream('course', course, 'dedicated', by)
    makeSlots(world, part, lane)
    const quiet = { idleTimeoutMs: 10_000, beforeEffects: () => undefined, workMs: () => 0 }
    const options = { server: world.server, process: world.operator, subscription: divided, ...quiet }
    const connection = await simulatedCrewStore(options).connect(() => undefined)
    await connection
      .transaction((transaction) => shareLane({ source }, transaction, { part, lane }, shares))
      .finally(() => connection.close())
    world.mostShares = Math.max(world.mostShares, shares)
  },
  async replay(world: World) {
    const name = world.time.chosen(world.names)!
    const course = world.time.chosen(world.courses)!
    await replay(world, await world.operatorLog, name, course)
  },
  async repair(world: World) {
    const course = world.time.chosen(world.courses)!
    const process = world.time.chosen(world.processes)
    if (process === undefined) return
    const until = world.clients.expected(course) - 1
    world.clients.contest(course, 1, until)
    await (await process.log).repair('course', course, { from: 1, to: until, ...by })
  },
} satisfies Record<string, (world: World) => Promise<void>>

export const faultNames = Object.keys(faultsByName) as FaultName[]
