import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fitMatrix } from './fit.ts'
import { seededUniform } from './hash.ts'
import { prepareFit } from './input.ts'
import { numberedId } from './numbered-id.ts'
import { makeRecentre } from './offset.ts'
import { plant } from './planted.ts'
import { presets } from './presets.ts'
import { makeProblem } from './problem.ts'
import { sortResponses } from './responses.ts'
import { sigmoid } from './scalar.ts'

const { input } = plant({
  questions: 40,
  concepts: 5,
  learners: 30,
  responses: 600,
  seed: 8,
  secondHints: 0.4,
  sigmaSpecific: 0.7,
  sigmaGeneral: 0.7,
})

/** Nobody answers the last ten questions. */
function problem() {
  const { learner, question, isCorrect } = input.responses
  const rows = [...question.keys()].filter((row) => question[row]! < 30)
  const kept = {
    learner: learner.filter((_, row) => question[row]! < 30),
    question: question.filter((one) => one < 30),
    isCorrect: isCorrect.filter((_, row) => question[row]! < 30),
  }
  assert.equal(kept.question.length, rows.length)
  const responses = sortResponses(kept, { learnerCount: input.learnerCount, questionCount: 40 })
  return makeProblem({ preset: presets.hard, responses, hints: input.hints, conceptCount: 5 })
}

/** x of the positive definite `matrix` x = `vector`, by elimination. */
function solve(matrix: number[][], vector: number[]): number[] {
  const rows = matrix.map((row, index) => [...row, vector[index]!])
  for (let at = 0; at < rows.length; at++) {
    for (let below = at + 1; below < rows.length; below++) {
      const factor = rows[below]![at]! / rows[at]![at]!
      for (let column = at; column <= rows.length; column++) rows[below]![column]! -= factor * rows[at]![column]!
    }
  }
  const solution = new Array<number>(rows.length).fill(0)
  for (let at = rows.length - 1; at >= 0; at--) {
    let rest = rows[at]![rows.length]!
    for (let column = at + 1; column < rows.length; column++) rest -= rows[at]![column]! * solution[column]!
    solution[at] = rest / rows[at]![at]!
  }
  return solution
}

test('the centres are those of the ridge regression of d on its concepts', () => {
  const made = problem()
  const uniform = seededUniform(5)
  const easiness = Float64Array.from({ length: 40 }, () => 4 * uniform() - 1)
  const features = Array.from({ length: 40 }, (_, question) => {
    const [begin, end] = [input.hints.start[question]!, input.hints.start[question + 1]!]
    const row = new Array<number>(6).fill(0)
    for (let entry = begin; entry < end; entry++) row[input.hints.concept[entry]!]! += 1 / (end - begin)
    row[5] = 1
    return row
  })
  const normal = Array.from({ length: 6 }, (_, row) =>
    Array.from({ length: 6 }, (__, column) => (row === column ? (row === 5 ? 1 : 4) : 0)),
  )
  const wanted = new Array<number>(6).fill(0)
  for (let question = 0; question < 30; question++) {
    for (let row = 0; row < 6; row++) {
      wanted[row]! += features[question]![row]! * easiness[question]!
      for (let column = 0; column < 6; column++) {
        normal[row]![column]! += features[question]![row]! * features[question]![column]!
      }
    }
  }
  const expected = solve(normal, wanted)
  const centre = new Float64Array(40)
  makeRecentre(made)(easiness, centre)
  for (let question = 0; question < 40; question++) {
    const exact = features[question]!.reduce((sum, value, index) => sum + value * expected[index]!, 0)
    // Ten sweeps leave a few thousandths: far less than d is known to.
    assert.ok(Math.abs(centre[question]! - exact) < 0.02, `question ${question}: ${centre[question]} for ${exact}`)
  }
})

// The preset soft holds abilities to be small, so most of the difference stays with it.
for (const { mask, apart } of [
  { mask: 'hard', apart: 1 },
  { mask: 'soft', apart: 2.7 },
] as const) {
  test(`a concept that only weak learners met is not taken for a hard one, ${mask} mask`, () => {
    const uniform = seededUniform(6)
    // Questions 0-19 are answered by all, 20-39 by strong learners, 40-59 by weak ones; the last of each by nobody.
    const concepts = [0, 1, 2]
    const rows = Array.from({ length: 300 }, (_, learner) => {
      const ability = learner % 2 === 0 ? 1.5 : -1.5
      return Array.from({ length: 60 }, (__, question) => ({
        learner,
        question,
        isCorrect: uniform() < sigmoid(ability),
      }))
    })
      .flat()
      .filter(({ learner, question }) => question < 20 || Math.floor(question / 20) === 1 + (learner % 2))
      .filter(({ question }) => question % 20 !== 19)
    const questionIds = Array.from({ length: 60 }, (_, index) => numberedId('question', index))
    const matrix = fitMatrix(
      prepareFit({
        questionIds,
        conceptIds: concepts.map((index) => numberedId('concept', index)),
        hints: questionIds.map((question, index) => ({
          question,
          concept: numberedId('concept', Math.floor(index / 20)),
        })),
        responses: rows.map(({ learner, question, isCorrect }) => ({
          learner: `learner ${learner}`,
          question: questionIds[question]!,
          isCorrect,
        })),
      }),
      mask === 'hard' ? { preset: 'auto', seed: 1, triesSoft: false } : { preset: 'soft', seed: 1 },
    )
    // Every question is as easy as every other one; raw shares would say 3 apart.
    const [ofStrong, ofWeak] = [matrix.easiness[39]!, matrix.easiness[59]!]
    assert.ok(Math.abs(ofStrong - ofWeak) < apart, `${ofStrong} and ${ofWeak}`)
  })
}
