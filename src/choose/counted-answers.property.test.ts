import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type CountedAnswer, CountedAnswers } from './counted-answers.ts'
import { answer, id } from './test-book.ts'

/** Few groups and few instants, so that answers to one group meet, at the same time as well. */
const answered = fc.record({
  of: fc.constantFrom('x1', 'x2', 'y1', 'y2', 'y3'),
  respondedAt: fc.nat(3),
  isCorrect: fc.boolean(),
})
const answers = fc.array(answered, { maxLength: 30 }).map((all) =>
  all.map(
    (one): CountedAnswer => ({
      group: id(one.of),
      isCorrect: one.isCorrect,
      answer: answer({ ...one, trial: id(`trial of ${one.of}`) }),
    }),
  ),
)

describe('the answers that count', () => {
  it('are the latest of each group, found as a list in order and by group', () => {
    fc.assert(
      fc.property(answers, (all) => {
        const byTime = all.toSorted(
          ({ answer: a }, { answer: b }) => a.respondedAt - b.respondedAt || a.number - b.number,
        )
        const latest = new Map(byTime.map((one) => [one.group, one]))
        const found = CountedAnswers.of(all)
        assert.deepEqual(
          found.list,
          [...latest.keys()].sort().map((group) => latest.get(group)),
        )
        assert.equal(found.size, latest.size)
        for (const { group } of all) assert.equal(found.get(group), latest.get(group)?.answer)
        assert.equal(found.has(id('z9')), false)
      }),
    )
  })

  it('are the same whether they come at once or bit by bit in any order, and those before stay as they were', () => {
    fc.assert(
      fc.property(answers, fc.nat(30), fc.nat(30), (all, one, other) => {
        const [first, second] = [Math.min(one, other), Math.max(one, other)]
        const before = CountedAnswers.of(all.slice(second))
        const copy = [...before.list]
        const after = before.and(all.slice(0, first)).and(all.slice(first, second))
        assert.deepEqual(after.list, CountedAnswers.of(all).list)
        assert.deepEqual(before.list, copy)
        for (const { group } of all) assert.equal(after.get(group), CountedAnswers.of(all).get(group))
      }),
    )
  })
})
