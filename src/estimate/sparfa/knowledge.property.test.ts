/** Properties of CLUEs (sparfa.md §11) and rankings (§12) over random matrices and answers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { unknownClue } from '#domain/clue.ts'
import type { Uuid } from '#domain/ids.ts'
import type { LearnerAnswer } from '../algorithm.ts'
import { sparfa } from './algorithm.ts'
import type { SparfaKnowledge } from './learner.ts'
import { conceptRows, makeMatrix, type SparfaMatrix } from './matrix.ts'
import { numberedId } from './numbered-id.ts'
import { plant } from './planted.ts'
import { probabilityOf } from './predict.ts'

const options = { confidence: 0.5, minResponses: 0 }
const madeBy = plant({
  questions: 0,
  concepts: 0,
  learners: 0,
  responses: 0,
  seed: 1,
  secondHints: 0,
  sigmaSpecific: 0.7,
  sigmaGeneral: 0.7,
}).truth.madeBy

interface Case {
  readonly matrix: SparfaMatrix
  readonly answers: readonly LearnerAnswer[]
}

const conceptsMax = 6
const question = (index: number) => numberedId('question', index)

/** Matrices with at most `hintsMax` hints a question, and answers of one learner. */
function cases(hintsMax: number, weight: fc.Arbitrary<number>, easiness: fc.Arbitrary<number>): fc.Arbitrary<Case> {
  const row = fc.uniqueArray(fc.tuple(fc.nat(conceptsMax - 1), weight), {
    selector: ([concept]) => concept,
    maxLength: hintsMax,
  })
  const questions = fc.array(fc.record({ row, easiness, answer: fc.constantFrom(undefined, false, true) }), {
    minLength: 1,
    maxLength: 12,
  })
  const prior = fc.record({ lamU: fc.constantFrom(0.5, 2, 16), lamG: fc.constantFrom(0.5, 2, null) })
  return fc.tuple(questions, prior).map(([list, { lamU, lamG }]) => {
    const rows = list.map((item) => item.row.toSorted(([one], [other]) => one - other))
    const hints = conceptRows(
      list.length,
      rows.flatMap((entries, index) => entries.map(([concept]) => [index, concept] as const)),
    )
    const matrix = makeMatrix({
      questionIds: list.map((_, index) => question(index)),
      conceptIds: Array.from({ length: conceptsMax }, (_, index) => numberedId('concept', index)),
      easiness: Float64Array.from(list, (item) => item.easiness),
      support: hints,
      weights: Float64Array.from(rows.flatMap((entries) => entries.map(([, value]) => value))),
      hints,
      madeBy: { ...madeBy, lam_u: lamU, lam_g: lamG },
    })
    const answers = list.flatMap((item, index) =>
      item.answer === undefined ? [] : [{ group: question(index), isCorrect: item.answer }],
    )
    return { matrix, answers }
  })
}

const usualWeight = fc.double({ min: 0, max: 3, noNaN: true })
const usualEasiness = fc.double({ min: -4, max: 4, noNaN: true })
const usual = (hintsMax: number): fc.Arbitrary<Case> => cases(hintsMax, usualWeight, usualEasiness)
const anyWeight = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true })
const anyEasiness = fc.double({ noNaN: true, noDefaultInfinity: true })

function everyPool(matrix: SparfaMatrix): (typeof matrix.questionIds)[] {
  const pools = matrix.questionIds.map((id) => [id])
  return [...pools, [...matrix.questionIds]]
}

const flip = (answer: LearnerAnswer): LearnerAnswer => ({ ...answer, isCorrect: !answer.isCorrect })

test('1: minimum, most likely and maximum are finite and in order, for any finite W >= 0 and d', () => {
  fc.assert(
    fc.property(
      cases(4, anyWeight, anyEasiness),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (given, confidence) => {
        const learner = sparfa.know(given.matrix, given.answers)
        for (const pool of everyPool(given.matrix)) {
          const clue = sparfa.clue(given.matrix, [learner], pool, { confidence, minResponses: 0 })
          assert.ok(0 <= clue.minimum && clue.minimum <= clue.mostLikely)
          assert.ok(clue.mostLikely <= clue.maximum && clue.maximum <= 1)
          assert.ok(clue.isReal)
        }
      },
    ),
    { numRuns: 300 },
  )
})

test('2: turning one wrong answer right never lowers the probability on that question', () => {
  fc.assert(
    fc.property(usual(4), ({ matrix, answers }) => {
      answers.forEach((answer, changed) => {
        const other = answers.map((one, index) => (index === changed ? flip(one) : one))
        const [before, after] = [sparfa.know(matrix, answers), sparfa.know(matrix, other)]
        const index = matrix.questionIndex.get(answer.group)!
        const rise = probabilityOf(matrix, after, index) - probabilityOf(matrix, before, index)
        assert.ok(answer.isCorrect ? rise <= 1e-9 : rise >= -1e-9, `${rise}`)
      })
    }),
    { numRuns: 200 },
  )
})

test('3: with one hint a question, better answers never lower any CLUE and worse ones never raise any', () => {
  fc.assert(
    fc.property(usual(1), ({ matrix, answers }) => {
      const clues = (given: readonly LearnerAnswer[]): number[] => {
        const learner = sparfa.know(matrix, given)
        return everyPool(matrix).map((pool) => sparfa.clue(matrix, [learner], pool, options).mostLikely)
      }
      const before = clues(answers)
      answers.forEach((answer, changed) => {
        const flipped = clues(answers.map((one, index) => (index === changed ? flip(one) : one)))
        const without = clues(answers.filter((_, index) => index !== changed))
        before.forEach((value, pool) => {
          const sign = answer.isCorrect ? 1 : -1
          assert.ok(sign * (value - flipped[pool]!) >= -1e-9)
          assert.ok(sign * (value - without[pool]!) >= -1e-9)
        })
      })
    }),
    { numRuns: 150 },
  )
})

/** log det of the precision over the coordinates with evidence. */
function logDeterminant({ factor }: SparfaKnowledge): number {
  let sum = 0
  for (let row = 0; row < factor.first.length; row++) sum += 2 * Math.log(factor.value[factor.base[row]! + row]!)
  return sum
}

test('4: at fixed knowledge, answering more makes the posterior precision larger', () => {
  // d = 0 and W so small that p stays 1/2: curvature is then the same for every set of answers.
  const tiny = cases(3, fc.double({ min: 1e-3, max: 1e-2, noNaN: true }), fc.constant(0))
  fc.assert(
    fc.property(tiny, ({ matrix, answers }) => {
      const volume = (given: readonly LearnerAnswer[]): number => {
        const learner = sparfa.know(matrix, given)
        const specificCount = learner.mean.length - (Number.isFinite(matrix.lamG) ? 1 : 0)
        // Concepts without evidence keep their prior precision, which belongs to the determinant of the whole.
        return logDeterminant(learner) + (conceptsMax - specificCount) * Math.log(matrix.lamU)
      }
      answers.forEach((_, count) => {
        assert.ok(volume(answers.slice(0, count + 1)) >= volume(answers.slice(0, count)) - 1e-12)
      })
    }),
    { numRuns: 100 },
  )
})

test('5: larger confidence contains smaller; order and duplicates do not matter', () => {
  fc.assert(
    fc.property(usual(3), fc.tuple(fc.nat(99), fc.nat(99)), ({ matrix, answers }, [one, other]) => {
      const learner = sparfa.know(matrix, answers)
      const second = sparfa.know(matrix, answers.slice(0, 2))
      const pool = matrix.questionIds
      const [narrow, wide] = [one, other]
        .toSorted((a, b) => a - b)
        .map((percent) => sparfa.clue(matrix, [learner, second], pool, { confidence: percent / 100, minResponses: 0 }))
      assert.ok(wide!.minimum <= narrow!.minimum && narrow!.maximum <= wide!.maximum)
      const doubled = [...pool.toReversed(), ...pool]
      const shuffled = sparfa.know(matrix, [...answers.toReversed(), ...answers])
      assert.deepEqual(shuffled, learner)
      assert.deepEqual(
        sparfa.clue(matrix, [second, learner, second], doubled, options),
        sparfa.clue(matrix, [learner, second], pool, options),
      )
      assert.deepEqual(ranked(matrix, learner, doubled), ranked(matrix, learner, pool))
    }),
    { numRuns: 150 },
  )
})

test('6: the interval of n identical learners is narrower by the square root of n, on the logit scale', () => {
  fc.assert(
    fc.property(usual(3), fc.integer({ min: 2, max: 9 }), ({ matrix, answers }, count) => {
      const alone = sparfa.clue(matrix, [sparfa.know(matrix, answers)], matrix.questionIds, options)
      const crowd = Array.from({ length: count }, () => sparfa.know(matrix, answers))
      const together = sparfa.clue(matrix, crowd, matrix.questionIds, options)
      const width = ({ minimum, maximum }: typeof alone): number =>
        Math.log(maximum / (1 - maximum)) - Math.log(minimum / (1 - minimum))
      fc.pre(width(alone) > 1e-6 && width(alone) < 20)
      assert.ok(Math.abs(width(alone) / width(together) - Math.sqrt(count)) < 1e-6 * Math.sqrt(count))
    }),
    { numRuns: 100 },
  )
})

function ranked(matrix: SparfaMatrix, learner: SparfaKnowledge, ...pools: (readonly Uuid[])[]): Uuid[] {
  return [...sparfa.rank(matrix, learner, { pools, withoutGroups: new Set() })]
}

test('what is no candidate is not ranked, and the others are as if it had never been in a pool', () => {
  fc.assert(
    fc.property(usual(3), fc.nat(), ({ matrix, answers }, drawn) => {
      const learner = sparfa.know(matrix, answers)
      const ids = matrix.questionIds
      const withoutGroups = new Set(ids.filter((_, at) => (drawn >> (at % 30)) % 2 === 1))
      const rest = ids.filter((id) => !withoutGroups.has(id))
      const pools = [ids.slice(0, 3), ids.slice(2)]
      assert.deepEqual([...sparfa.rank(matrix, learner, { pools, withoutGroups })], ranked(matrix, learner, rest))
    }),
    { numRuns: 100 },
  )
})

test('a ranking is a permutation of the known candidates, unanswered ones first', () => {
  fc.assert(
    fc.property(usual(3), ({ matrix, answers }) => {
      const learner = sparfa.know(matrix, answers)
      const order = ranked(matrix, learner, matrix.questionIds, [numberedId('unknown', 0)])
      assert.deepEqual(order.toSorted(), matrix.questionIds.toSorted())
      const answered = new Set(answers.map(({ group }) => group))
      const firstAnswered = order.findIndex((id) => answered.has(id))
      assert.ok(firstAnswered === -1 || order.slice(firstAnswered).every((id) => answered.has(id)))
    }),
    { numRuns: 150 },
  )
})

test('the default CLUE stands for: no pool, no learner, too few answers to known questions', () => {
  const { truth } = plant({
    questions: 10,
    concepts: 3,
    learners: 1,
    responses: 0,
    seed: 1,
    secondHints: 0.5,
    sigmaSpecific: 0.7,
    sigmaGeneral: 0.7,
  })
  const answer = (index: number): LearnerAnswer => ({ group: question(index), isCorrect: true })
  const strict = { confidence: 0.5, minResponses: 3 }
  const known = sparfa.know(truth, [answer(0), answer(1), answer(2)])
  const pool = [question(5)]
  assert.deepEqual(sparfa.clue(truth, [known], [], strict), unknownClue)
  assert.deepEqual(sparfa.clue(truth, [known], [numberedId('unknown', 1)], strict), unknownClue)
  assert.deepEqual(sparfa.clue(truth, [], pool, strict), unknownClue)
  const few = sparfa.know(truth, [
    answer(0),
    answer(1),
    answer(1),
    { group: numberedId('unknown', 1), isCorrect: true },
  ])
  assert.deepEqual(sparfa.clue(truth, [few], pool, strict), unknownClue)
  assert.ok(sparfa.clue(truth, [known], pool, strict).isReal)
  // Answers add up over the learners, and one without answers counts with its prior.
  assert.ok(sparfa.clue(truth, [few, sparfa.know(truth, [answer(4)]), sparfa.know(truth, [])], pool, strict).isReal)
})
