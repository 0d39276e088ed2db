import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemTime } from '#platform/time.ts'
import { Membership } from './membership.ts'
import type { OwnershipStore, SlotGrant } from './slots.ts'
import { newStream } from './test-lanes.ts'

test('a slot that somebody else took at the same moment was counted as taken over', async (t) => {
  const [member, dead] = [newStream(), newStream()]
  const slot = { part: 0, lane: 0, epoch: 3n }
  const grant: SlotGrant = { ...slot, token: newStream(), position: 0n, shares: 1 }
  // The first attempt gets nothing.
  const answers: SlotGrant[][] = [[], [grant]]
  const store: OwnershipStore = {
    beat: async () => ({ exists: true, isPaused: false, live: [member] }),
    slots: async () => [{ ...slot, owner: dead }],
    acquire: async () => answers.shift() ?? [],
    release: async (grants) => [...grants],
    leave: async () => undefined,
  }
  const gained = Promise.withResolvers<void>()
  const onChange = (): void => gained.resolve()
  const onError = (error: unknown): void => gained.reject(error)
  const membership = new Membership({ store, member, time: systemTime, ttlMs: 100, onChange, onError })
  t.after(() => membership.stop())
  membership.start()
  await gained.promise
  assert.equal(membership.takeovers, 1)
})
