import assert from 'node:assert/strict'
import { it } from 'node:test'
import { spacedPlan } from './plan.ts'

function spell(goal: number, hasRandomAgo = false): string {
  return spacedPlan(goal, hasRandomAgo)
    .map(({ kind, ks, count }) => `${kind === 'random_ago' ? `{${ks}}` : ks}:${count}`)
    .join(' ')
}

it('spreads the goal over 1-, 3- and 5-ago and keeps one slot for last (scheduler.md §7.4)', () => {
  const table = [
    '',
    '0:1',
    '1:1 0:1',
    '1:1 3:1 0:1',
    '1:1 3:1 5:1 0:1',
    '1:2 3:1 5:1 0:1',
    '1:2 3:2 5:1 0:1',
    '1:2 3:2 5:2 0:1',
  ]
  assert.deepEqual(
    table.map((_, goal) => spell(goal)),
    table,
  )
})

it('draws at random from the k that the plan does not name', () => {
  assert.deepEqual(
    [1, 2, 3, 4, 7].map((goal) => spell(goal, true).split(' ').at(-1)),
    ['{1,2,3,4,5}:1', '{2,3,4,5}:1', '{2,4,5}:1', '{2,4}:1', '{2,4}:1'],
  )
})

it('gives every slot a place, whatever the goal', () => {
  for (let goal = 0; goal <= 40; goal += 1) {
    for (const hasRandomAgo of [false, true]) {
      const total = spacedPlan(goal, hasRandomAgo).reduce((sum, { count }) => sum + count, 0)
      assert.equal(total, goal)
    }
  }
})
