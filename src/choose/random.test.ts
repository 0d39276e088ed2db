import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { chance, seededOrder, seedOf } from './random.ts'
import { id, nameOf, numbered } from './test-book.ts'

describe('seeded chance', () => {
  const items = numbered('item', 2000).map(id)

  it('stays what it is: stored receipts must give the same picks after an upgrade', () => {
    assert.deepEqual(seedOf('seed', 'student_driven'), [-829582388, -1084660487])
    assert.equal(chance(seedOf('seed'), id('item1')), 0.775403971707077)
    assert.deepEqual(seededOrder(seedOf('seed'), items.slice(0, 6)).map(nameOf), [
      'item4',
      'item6',
      'item1',
      'item2',
      'item5',
      'item3',
    ])
  })

  it('tells parts of a seed apart', () => {
    const seeds = [seedOf('ab', 'c'), seedOf('a', 'bc'), seedOf('abc'), seedOf('c', 'ab'), seedOf('abc', ''), seedOf()]
    assert.equal(new Set(seeds.map(String)).size, seeds.length)
  })

  it('is spread evenly over 0…1, differently for each seed', () => {
    for (const seed of numbered('seed', 5).map((name) => seedOf(name))) {
      const tenths = new Array<number>(10).fill(0)
      for (const item of items) {
        const drawn = chance(seed, item)
        assert.ok(drawn >= 0 && drawn < 1)
        tenths[Math.floor(drawn * 10)] = (tenths[Math.floor(drawn * 10)] ?? 0) + 1
      }
      // Chi-squared with 9 degrees of freedom exceeds 33.7 once in 10,000; the seeds are fixed, so this cannot flicker.
      const chiSquared = tenths.reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0)
      assert.ok(chiSquared < 33.7, `chi squared ${chiSquared}`)
    }
    const seeds = [seedOf('one'), seedOf('two')] as const
    const agreeing = items.filter((item, at) => {
      const other = items[at + 1] ?? item
      return chance(seeds[0], item) < chance(seeds[0], other) === chance(seeds[1], item) < chance(seeds[1], other)
    })
    assert.ok(Math.abs(agreeing.length - 1000) < 120, `${agreeing.length} pairs in the same order`)
  })

  it('orders without regard to the order given or duplicates, and keeps the order when one item goes', () => {
    const seed = seedOf('seed')
    const order = seededOrder(seed, items)
    assert.deepEqual(seededOrder(seed, [...items, ...items].reverse()), order)
    const gone = order[7]
    const rest = order.filter((item) => item !== gone)
    assert.deepEqual(seededOrder(seed, rest), rest)
  })
})
