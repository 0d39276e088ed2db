import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allGuards } from './guards.ts'
import { SubscriptionRunner } from './run-subscription.ts'
import type { CrewConnection, CrewStore } from './store.ts'
import { TestLanes } from './test-lanes.ts'

test('a connection that came after the end of a runner was kept for ever', async () => {
  const [asked, closed] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const late = Promise.withResolvers<CrewConnection>()
  const connection: Partial<CrewConnection> = {
    positions: async () => new Map(),
    createSlots: async () => undefined,
    close: () => closed.resolve(),
  }
  const store: CrewStore = {
    ownership: {
      beat: async (member) => ({ exists: true, isPaused: false, live: [member] }),
      slots: async () => [],
      acquire: async () => [],
      release: async (grants) => [...grants],
      leave: async () => undefined,
    },
    connect: () => {
      asked.resolve()
      return late.promise
    },
  }
  const source = new TestLanes(1)
  const runner = new SubscriptionRunner({ store, subscription: { name: 'late' }, source, parts: 1, guards: allGuards })
  runner.start()
  await asked.promise
  await runner.stop(10)
  late.resolve(connection as CrewConnection)
  // Node ends a test that waits for nothing.
  await closed.promise
  assert.equal(runner.status().ownedSlots, 0)
})
