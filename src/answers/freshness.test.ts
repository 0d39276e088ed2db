import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openFreshness } from './freshness.ts'

const late = { part: 3, lane: 0, position: 8n }

test('all waits of a request share one second, and every request has its own', async () => {
  let nowMs = 0
  const asked: number[] = []
  const freshness = openFreshness(
    {
      laneHeads: async () => new Map([['3/0', 8n]]),
      applied: async () => new Map([['3/0', 7n]]),
      untilApplied: async (_lane, _position, timeoutMs) => {
        asked.push(timeoutMs)
        nowMs += Math.min(timeoutMs, 700)
        return timeoutMs > 700
      },
    },
    { waitMsMax: 1000 },
    { monotonicMs: () => nowMs, sleep: async () => undefined, random: () => 0 },
  )
  const first = freshness.begin()
  assert.equal(await first.untilApplied([late]), true)
  nowMs += 100
  assert.equal(await first.untilAllApplied(), false)
  assert.equal(await first.untilApplied([late]), false)
  assert.equal(await freshness.begin().untilAllApplied(), true)
  assert.deepEqual(asked, [1000, 200, 0, 1000])
})

test('for subjects that nobody knows, every lane with something to apply is waited for', async () => {
  const waited: string[] = []
  const freshness = openFreshness(
    {
      laneHeads: async () => new Map(['3/0', '64/1', '9/0'].map((lane) => [lane, 5n] as const)),
      applied: async () =>
        new Map([
          ['3/0', 5n],
          ['9/0', 4n],
        ]),
      untilApplied: async ({ part, lane }, position) => {
        waited.push(`${part}/${lane} ${position}`)
        return part !== 64
      },
    },
    { waitMsMax: 1000 },
  )
  assert.equal(await freshness.begin().untilAllApplied(), false, 'one of them was not in time')
  assert.deepEqual(waited, ['64/1 5', '9/0 5'])
})
