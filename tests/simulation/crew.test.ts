import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Membership } from '#crew/membership.ts'
import { slotName } from '#crew/ownership.ts'
import type { SlotGrant } from '#crew/slots.ts'
import type { CrewConnection, CrewStore } from '#crew/store.ts'
import type { Uuid } from '#domain/ids.ts'
import { addSubscription, simulatedCrewStore } from './crew-store.ts'
import { Invariants } from './invariants.ts'
import { SimulatedServer } from './server.ts'
import { subscriptionOf } from './state.ts'
import { ProcessTime, VirtualTime } from './virtual-time.ts'

/* Membership as it runs in production, many processes, on virtual time: streams.md §4.5 and scenarios 29, 30, 35–38. */
const ttlMs = 5000
const tickMs = ttlMs / 5
const name = 'work'

/** A server with the slots of one subscription; the invariants are looked at with every commit. */
class Crew {
  readonly server: SimulatedServer
  readonly invariants: Invariants

  constructor(seed: number, slots: number) {
    this.server = new SimulatedServer(new VirtualTime(seed))
    this.server.prepare((state) => addSubscription(state, name, slots))
    this.invariants = new Invariants(this.server, slots)
    this.server.observers.push(this.invariants)
  }

  run(ms: number): Promise<void> {
    const { time } = this.server
    return time.run(time.nowMs + ms)
  }

  /** Ownership changes so far: each raises an epoch by one. */
  get grants(): number {
    const { slots } = subscriptionOf(this.server.state, name)
    return [...slots.values()].reduce((sum, { epoch }) => sum + Number(epoch), 0)
  }

  owned(member: Uuid): number {
    const { slots } = subscriptionOf(this.server.state, name)
    return [...slots.values()].filter(({ owner }) => owner === member).length
  }
}

interface ProcessOptions {
  readonly offsetMs?: number
  readonly drift?: number
  readonly workMs?: number
  readonly idleTimeoutMs?: number
}

/** A member that moves slots it owns by a position, again and again, as an effect would. */
class Process {
  readonly id: Uuid
  readonly time: ProcessTime
  readonly membership: Membership
  effects = 0
  #isRunning = true
  #connection: CrewConnection | undefined
  readonly #server: SimulatedServer
  readonly #store: CrewStore
  readonly #workMs: number | undefined

  constructor({ server }: Crew, options: ProcessOptions = {}) {
    this.#server = server
    this.#workMs = options.workMs
    this.id = server.time.uuid()
    this.time = new ProcessTime(server.time, { offsetMs: options.offsetMs ?? 0, drift: options.drift ?? 1 })
    this.#store = simulatedCrewStore({
      server,
      process: this.time,
      subscription: name,
      idleTimeoutMs: options.idleTimeoutMs ?? ttlMs,
      beforeEffects: () => undefined,
      workMs: () => 0,
    })
    this.membership = new Membership({
      store: this.#store.ownership,
      member: this.id,
      time: this.time,
      ttlMs,
      onChange: () => undefined,
      onError: () => undefined,
    })
    this.membership.start()
    void this.#work()
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    await this.membership.stop()
  }

  /** kill -9: it never does anything again. */
  kill(): void {
    this.#isRunning = false
    this.time.freeze()
    this.#server.gone(this.time)
  }

  async #work(): Promise<void> {
    while (this.#isRunning) {
      const owned = this.membership.owned()
      const grant = owned[Math.floor(this.time.random() * owned.length)]
      if (grant !== undefined) await this.#effect(grant)
      await this.time.sleep(20 + 80 * this.time.random())
    }
  }

  async #effect(grant: SlotGrant): Promise<void> {
    try {
      this.#connection ??= await this.#store.connect(() => {
        this.#connection = undefined
      })
      const isOurs = await this.#connection.transaction(async (transaction) => {
        const slot = (await transaction.lockSlots([grant], true)).get(slotName(grant))
        if (slot === undefined) return false
        await this.time.sleep(this.#workMs ?? 20 * this.time.random())
        await transaction.confirmSlots([{ ...grant, position: slot.position + 1n }])
        return true
      })
      if (isOurs) this.effects += 1
      else this.membership.drop(grant)
    } catch {
      // The session ended: the next effect has another one.
      this.#connection = undefined
    }
  }
}

function assertBalanced(crew: Crew, processes: readonly Process[], slots: number): void {
  const shares = processes.map((process) => process.membership.owned().length)
  assert.equal(
    shares.reduce((sum, share) => sum + share, 0),
    slots,
    'every slot is owned',
  )
  assert.ok(Math.max(...shares) - Math.min(...shares) <= 1, `shares ${shares.join(' ')}`)
  for (const process of processes) assert.equal(crew.owned(process.id), process.membership.owned().length)
}

async function stopAll(crew: Crew, processes: readonly Process[]): Promise<void> {
  const stopped = Promise.all(processes.map((process) => process.stop()))
  await crew.run(120_000)
  await stopped
  assert.equal(crew.invariants.violation, undefined)
}

test('[S35] 1 → 4 → 16 → 1 processes: balanced within two ticks and a lease, moves minimal', async () => {
  for (const seed of [1, 2, 3]) {
    const crew = new Crew(seed, 256)
    let processes: Process[] = []
    for (const count of [1, 4, 16]) {
      const before = crew.grants
      const joining = count - processes.length
      for (let index = 0; index < joining; index += 1) processes.push(new Process(crew))
      await crew.run(2 * tickMs * 1.1 + ttlMs)
      assertBalanced(crew, processes, 256)
      const needed = Math.ceil((256 * joining) / count)
      assert.ok(crew.grants - before <= needed + count, `${crew.grants - before} moves, ${needed} needed`)
    }
    const [survivor] = processes
    assert(survivor !== undefined, 'there are sixteen')
    for (const process of processes.slice(1)) process.kill()
    processes = [survivor]
    await crew.run(ttlMs + 2 * tickMs)
    assertBalanced(crew, processes, 256)
    await stopAll(crew, processes)
  }
})

test('[S29] clocks an hour apart and drifting change nothing', async () => {
  const crew = new Crew(29, 64)
  const clocks = [
    { offsetMs: 3_600_000, drift: 1.05 },
    { offsetMs: -3_600_000, drift: 0.95 },
    { offsetMs: 0, drift: 1 },
  ]
  const processes = clocks.map((clock) => new Process(crew, clock))
  await crew.run(3 * ttlMs)
  assertBalanced(crew, processes, 64)
  processes[0]?.kill()
  await crew.run(ttlMs + 2 * tickMs)
  assertBalanced(crew, processes.slice(1), 64)
  await stopAll(crew, processes.slice(1))
})

test('[S30] [L7] the clock of the database jumps a minute forth and back', async () => {
  const crew = new Crew(30, 64)
  const processes = Array.from({ length: 4 }, () => new Process(crew))
  await crew.run(3 * ttlMs)
  for (const jumpMs of [60_000, -60_000]) {
    crew.server.clockJumpMs += jumpMs
    await crew.run(2 * ttlMs)
    assertBalanced(crew, processes, 64)
  }
  // Back in time: a dead member looks alive for as long as the jump, and not longer.
  crew.server.clockJumpMs -= 10_000
  processes[0]?.kill()
  await crew.run(10_000 + ttlMs + 2 * tickMs)
  assertBalanced(crew, processes.slice(1), 64)
  await stopAll(crew, processes.slice(1))
})

test('[S36] when a process joins and dies every 3 s, twenty others keep nine tenths of their slots', async () => {
  const crew = new Crew(36, 256)
  const steady = Array.from({ length: 20 }, () => new Process(crew))
  await crew.run(3 * ttlMs)
  const before = steady.map((process) => process.membership.owned().length)
  let lowest = 1
  for (let round = 0; round < 10; round += 1) {
    const flapping = new Process(crew)
    await crew.run(1500)
    flapping.kill()
    await crew.run(1500)
    const held = steady.reduce((sum, process) => sum + process.membership.owned().length, 0)
    lowest = Math.min(lowest, held / before.reduce((sum, share) => sum + share, 0))
  }
  assert.ok(lowest >= 0.9, `kept ${lowest}`)
  await crew.run(ttlMs + 2 * tickMs)
  assertBalanced(crew, steady, 256)
  await stopAll(crew, steady)
})

test('[S37] a process whose statements hang stops before its lease ends', async () => {
  const crew = new Crew(37, 8)
  const process = new Process(crew)
  await crew.run(2 * ttlMs)
  assert.equal(process.membership.owned().length, 8)
  process.time.freeze()
  await crew.run(ttlMs)
  assert.equal(process.membership.isBelieved(), false)
  process.time.thaw()
  await crew.run(ttlMs)
  assert.equal(process.membership.owned().length, 8, 'nobody else was there: it goes on')
  await stopAll(crew, [process])
})

test('[S38] work that takes a minute costs no lease', async () => {
  const crew = new Crew(38, 8)
  const [busy, other] = [new Process(crew, { workMs: 60_000, idleTimeoutMs: 120_000 }), new Process(crew)]
  await crew.run(3 * ttlMs)
  const owned = busy.membership.owned().length
  await crew.run(60_000)
  assert.equal(busy.membership.owned().length, owned)
  assert.ok(busy.effects > 0)
  assert.equal(other.membership.takeovers, 0)
  await stopAll(crew, [busy, other])
})
