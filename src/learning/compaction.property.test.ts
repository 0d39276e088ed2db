import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type AnswerRow, planMerges } from './compaction.ts'

const rows = fc
  .array(fc.integer({ min: 1, max: 90 }), { maxLength: 300 })
  .map((sizes) => sizes.map((n, index): AnswerRow => ({ lastNumber: index * 100 + n, n })))

test('merged rows fit, are full enough never to be merged again, and keep the order of answers', () => {
  fc.assert(
    fc.property(rows, fc.infiniteStream(fc.nat()), (given, dice) => {
      const shuffled = given.map((row) => ({ row, die: dice.next().value })).sort((a, b) => a.die - b.die)
      const merges = planMerges(shuffled.map(({ row }) => row))
      for (const group of merges) {
        const size = group.reduce((sum, { n }) => sum + n, 0)
        assert.ok(group.length > 1)
        assert.ok(size >= 60 && size <= 90)
        const from = given.indexOf(group[0]!)
        assert.deepEqual(group, given.slice(from, from + group.length))
      }
      const flat = merges.flat()
      assert.equal(new Set(flat).size, flat.length)
    }),
  )
})

test('single answers wait until there are enough for a row', () => {
  const singles = (count: number) => Array.from({ length: count }, (_, n): AnswerRow => ({ lastNumber: n, n: 1 }))
  assert.deepEqual(planMerges(singles(59)), [])
  assert.deepEqual(planMerges(singles(60)), [singles(60)])
  assert.deepEqual(
    planMerges(singles(200)).map(({ length }) => length),
    [90, 90],
  )
})
