import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Uuid } from '#domain/ids.ts'
import { type Arm, assignedArm, expectedShares } from './experiment.ts'
import { id, numbered } from './test-book.ts'

const units = numbered('unit', 2000).map(id)
const names = ['biglearn_sparfa', 'local_query', 'beta_binomial', 'rasch', 'elo']

const armsOf = fc
  .tuple(
    fc.shuffledSubarray(names, { minLength: 2 }),
    fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 5, maxLength: 5 }),
  )
  .map(([algorithms, weights]): Arm[] =>
    algorithms.map((algorithm, place) => ({ algorithm, weight: place === 0 ? 1 + weights[0]! : weights[place]! })),
  )
const seeds = fc.string({ minLength: 1, maxLength: 20 })

function drawn(seed: string, arms: readonly Arm[], of: readonly Uuid[] = units): string[] {
  return of.map((unit) => assignedArm(seed, arms, unit).algorithm)
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** Upper 0.1 % points of chi-square with 1, 2, 3 and 4 degrees of freedom. */
const chiSquareLimit = [10.83, 13.82, 16.27, 18.47]

describe('the arm of a unit', () => {
  it('is drawn by weight: chi-square of 40,000 units for each of ten seeds', () => {
    const many = numbered('course', 40_000).map(id)
    const arms: Arm[] = names.map((algorithm, place) => ({ algorithm, weight: [5, 1, 2.5, 0.5, 1][place]! }))
    let beyond = 0
    for (const seed of numbered('seed', 10)) {
      const found = drawn(seed, arms, many)
      const shares = expectedShares(arms)
      const terms = arms.map(({ algorithm }, place) => {
        const expected = shares[place]! * many.length
        return (found.filter((one) => one === algorithm).length - expected) ** 2 / expected
      })
      if (sum(terms) > chiSquareLimit[arms.length - 2]!) beyond += 1
    }
    assert.equal(beyond, 0)
  })

  it('is drawn apart from that of another seed', () => {
    const arms: Arm[] = [
      { algorithm: 'a', weight: 1 },
      { algorithm: 'b', weight: 1 },
    ]
    const [one, other] = [drawn('one', arms), drawn('other', arms)]
    const same = one.filter((arm, place) => arm === other[place]).length
    // Four standard deviations of 2,000 fair coins.
    assert.ok(Math.abs(same - 1000) < 4 * Math.sqrt(500), `${same} of 2000 agree`)
  })

  it('is the same whenever it is asked for, in whatever order and spelling the arms are given', () => {
    fc.assert(
      fc.property(seeds, armsOf, fc.nat(), (seed, arms, turn) => {
        const turned = [...arms.slice(turn % arms.length), ...arms.slice(0, turn % arms.length)]
        const loud = turned.map(({ algorithm, weight }) => ({ algorithm: algorithm.toUpperCase(), weight: weight * 7 }))
        const quiet = drawn(seed, loud, units.slice(0, 200)).map((name) => name.toLowerCase())
        assert.deepEqual(quiet, drawn(seed, arms, units.slice(0, 200)))
      }),
    )
  })

  it('never is one without weight', () => {
    fc.assert(
      fc.property(seeds, armsOf, (seed, arms) => {
        const closed = new Set(arms.filter(({ weight }) => weight === 0).map(({ algorithm }) => algorithm))
        assert.ok(drawn(seed, arms, units.slice(0, 200)).every((name) => !closed.has(name)))
      }),
    )
  })

  it('changes only to a new arm when there is one more', () => {
    fc.assert(
      fc.property(seeds, armsOf, fc.integer({ min: 1, max: 9 }), (seed, arms, weight) => {
        const after = drawn(seed, [...arms, { algorithm: 'new', weight }])
        drawn(seed, arms).forEach((before, place) => {
          assert.ok(after[place] === before || after[place] === 'new')
        })
      }),
      { numRuns: 30 },
    )
  })

  it('changes only from arms that lost to arms that gained, and between two arms for no unit more than the shares ask', () => {
    fc.assert(
      fc.property(
        seeds,
        armsOf,
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 5, maxLength: 5 }),
        (seed, arms, weights) => {
          const changed = arms.map(({ algorithm }, place) => ({ algorithm, weight: weights[place]! }))
          const gain = new Map(arms.map(({ algorithm, weight }, place) => [algorithm, weights[place]! / weight]))
          const [before, after] = [drawn(seed, arms), drawn(seed, changed)]
          before.forEach((from, place) => {
            const to = after[place] ?? ''
            assert.ok(from === to || gain.get(to)! > gain.get(from)!)
          })
          if (arms.length > 2) return
          const moved = before.filter((from, place) => from !== after[place]).length
          const first = (all: readonly string[]): number => all.filter((name) => name === arms[0]?.algorithm).length
          assert.equal(moved, Math.abs(first(before) - first(after)))
        },
      ),
      { numRuns: 50 },
    )
  })
})
