import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slotsByOwner } from './slots-by-owner.ts'

test('slots are counted for each owner, unowned ones for nobody', () => {
  const slots = [
    { owner: 'b', entriesBehind: 1 },
    { owner: null, entriesBehind: 9 },
    { owner: 'a', entriesBehind: 2 },
    { owner: 'b', entriesBehind: 3 },
  ]
  assert.deepEqual(slotsByOwner(slots), [
    { owner: 'b', slots: 2, entriesBehind: 4 },
    { owner: 'a', slots: 1, entriesBehind: 2 },
  ])
  assert.deepEqual(slotsByOwner([]), [])
})
