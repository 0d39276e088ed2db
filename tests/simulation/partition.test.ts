import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Membership } from '#crew/membership.ts'
import { slotName } from '#crew/ownership.ts'
import { addSubscription } from './crew-store.ts'
import { simulatedOwnership } from './ownership-store.ts'
import { SimulatedServer } from './server.ts'
import { ProcessTime, VirtualTime } from './virtual-time.ts'

/* A process that reaches others and not the database: what it believes must end before somebody else has its slots. */
const ttlMs = 5000
const tickMs = ttlMs / 5

/** A receiver in another system: it keeps the highest epoch of each slot and refuses lower ones (streams.md §4.5). */
class Receiver {
  readonly accepted: { readonly from: string; readonly slot: string; readonly epoch: bigint }[] = []
  refused = 0
  readonly #highest = new Map<string, bigint>()

  receive(from: string, slot: string, epoch: bigint): void {
    if (epoch < (this.#highest.get(slot) ?? 0n)) {
      this.refused += 1
      return
    }
    this.#highest.set(slot, epoch)
    this.accepted.push({ from, slot, epoch })
  }
}

class Caller {
  readonly time: ProcessTime
  readonly membership: Membership
  readonly #name: string
  readonly #receiver: Receiver
  #isOver = false
  /** How long its calls are on their way. */
  callMs = 5

  constructor(server: SimulatedServer, name: string, receiver: Receiver) {
    this.time = new ProcessTime(server.time, { offsetMs: 0, drift: 1 })
    const quiet = { subscription: 'calls', idleTimeoutMs: ttlMs, beforeEffects: () => undefined, workMs: () => 0 }
    this.#name = name
    this.#receiver = receiver
    this.membership = new Membership({
      store: simulatedOwnership({ server, process: this.time, ...quiet }),
      member: server.time.uuid(),
      time: this.time,
      ttlMs,
      onChange: () => undefined,
      onError: () => undefined,
    })
    this.membership.start()
    void this.#call()
  }

  stop(): Promise<void> {
    this.#isOver = true
    return this.membership.stop()
  }

  async #call(): Promise<void> {
    while (!this.#isOver) {
      for (const grant of this.membership.owned()) {
        const arriving = this.time.sleep(this.callMs)
        void arriving.then(() => this.#receiver.receive(this.#name, slotName(grant), grant.epoch))
      }
      await this.time.sleep(100)
    }
  }
}

test('[S34] a process cut off from the database stops by belief; its calls that come late carry an old epoch', async () => {
  for (const seed of [1, 2, 3]) {
    const server = new SimulatedServer(new VirtualTime(seed))
    server.prepare((state) => addSubscription(state, 'calls', 4))
    const receiver = new Receiver()
    const [cut, other] = [new Caller(server, 'cut', receiver), new Caller(server, 'other', receiver)]
    await server.time.run(3 * ttlMs)
    const before = cut.membership.owned()
    assert.equal(before.length, 2)

    cut.callMs = 15_000
    const [cutMs, atCut] = [server.time.nowMs, receiver.accepted.length]
    server.unreachable.add(cut.time)
    await server.time.run(cutMs + ttlMs - 900)
    assert.equal(cut.membership.isBelieved(), false, 'belief ends before the lease does')
    await server.time.run(cutMs + ttlMs + 2 * tickMs)
    assert.equal(other.membership.owned().length, 4, 'the other one has them when the lease is over')
    await server.time.run(cutMs + 20_000)
    const moved = new Set(before.map(slotName))
    const accepted = receiver.accepted.slice(atCut)
    const since = accepted.findIndex(({ from, slot }) => from === 'other' && moved.has(slot))
    assert.ok(since >= 0)
    const late = accepted.slice(since).filter(({ from, slot }) => from === 'cut' && moved.has(slot))
    assert.deepEqual(late, [], `seed ${seed}`)
    assert.ok(receiver.refused > 0, 'calls that were on their way are refused')

    server.reach(cut.time)
    cut.callMs = 5
    await server.time.run(server.time.nowMs + ttlMs + 2 * tickMs)
    assert.deepEqual([cut.membership.owned().length, other.membership.owned().length], [2, 2])
    const stopped = Promise.all([cut.stop(), other.stop()])
    await server.time.run(server.time.nowMs + ttlMs)
    await stopped
  }
})
