import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sparfa } from './algorithm.ts'
import { estimateLearner, type SparfaKnowledge } from './learner.ts'
import type { SparfaMatrix } from './matrix.ts'
import { numberedId } from './numbered-id.ts'
import { plant } from './planted.ts'
import { probabilityOf } from './predict.ts'
import { rankQuestions } from './tesr.ts'

function plantedMatrix(questions: number, concepts: number, seed: number): SparfaMatrix {
  return plant({
    questions,
    concepts,
    learners: 1,
    responses: 0,
    seed,
    secondHints: 0.5,
    sigmaSpecific: 0.7,
    sigmaGeneral: 0.7,
  }).truth
}

/** log det(I + V^1/2 A'DA V^1/2) of asking these questions next, by dense elimination over (question x question). */
function informationOf(matrix: SparfaMatrix, learner: SparfaKnowledge, questions: readonly number[]): number {
  const covariance = priorCovariance(matrix)
  const roots = questions.map((question) => {
    const p = probabilityOf(matrix, learner, question)
    return Math.sqrt(p * (1 - p))
  })
  const gram = questions.map((one, row) =>
    questions.map((other, column) => {
      let sum = row === column ? 1 : 0
      eachWeight(matrix, one, (concept, weight) => {
        eachWeight(matrix, other, (across, factor) => {
          sum += roots[row]! * roots[column]! * weight * factor * covariance(concept, across)
        })
      })
      return sum
    }),
  )
  let logDeterminant = 0
  for (let pivot = 0; pivot < gram.length; pivot++) {
    logDeterminant += Math.log(gram[pivot]![pivot]!)
    for (let row = pivot + 1; row < gram.length; row++) {
      const factor = gram[row]![pivot]! / gram[pivot]![pivot]!
      for (let column = pivot; column < gram.length; column++) gram[row]![column]! -= factor * gram[pivot]![column]!
    }
  }
  return logDeterminant
}

function priorCovariance(matrix: SparfaMatrix): (one: number, other: number) => number {
  return (one, other) => (one === other ? 1 / matrix.lamU : 0) + 1 / matrix.lamG
}

function eachWeight(matrix: SparfaMatrix, question: number, use: (concept: number, weight: number) => void): void {
  const { start, concept, value } = matrix.weights
  for (let entry = start[question]!; entry < start[question + 1]!; entry++) use(concept[entry]!, value[entry]!)
}

const nobody = (matrix: SparfaMatrix): SparfaKnowledge => estimateLearner(matrix, new Int32Array(0), new Uint8Array(0))

test('greedy prefixes come close to the exhaustive optimum: at least 1 - 1/e always, 0.98 here', () => {
  for (let seed = 1; seed <= 8; seed++) {
    const matrix = plantedMatrix(9, 4, seed)
    const learner = nobody(matrix)
    const ranked = [
      ...rankQuestions(
        matrix,
        learner,
        Int32Array.from({ length: 9 }, (_, index) => index),
      ),
    ]
    let best = 0
    for (let set = 0; set < 1 << 9; set++) {
      const chosen = ranked.filter((question) => (set >> question) % 2 === 1)
      if (chosen.length === 4) best = Math.max(best, informationOf(matrix, learner, chosen))
    }
    const reached = informationOf(matrix, learner, ranked.slice(0, 4))
    assert.ok(reached >= 0.98 * best && reached <= best + 1e-9, `${reached} of ${best}`)
  }
})

test('lazy evaluation gives the plain greedy order, step by step', () => {
  const matrix = plantedMatrix(40, 6, 11)
  const learner = nobody(matrix)
  const all = Array.from({ length: 40 }, (_, index) => index)
  const ranked = [...rankQuestions(matrix, learner, Int32Array.from(all))]
  for (let length = 0; length < 25; length++) {
    const chosen = ranked.slice(0, length)
    const reached = informationOf(matrix, learner, chosen)
    const gains = ranked.slice(length).map((next) => informationOf(matrix, learner, [...chosen, next]) - reached)
    assert.ok(gains[0]! >= Math.max(...gains) - 1e-9, `step ${length}`)
  }
})

test('with a greedy count the first questions are the greedy ones, and the others still follow each once', () => {
  const matrix = plantedMatrix(120, 6, 5)
  const answered = Int32Array.from([3, 50, 90])
  const learner = estimateLearner(matrix, answered, Uint8Array.from([1, 0, 1]))
  const candidates = Int32Array.from({ length: 120 }, (_, question) => question)
  const whole = [...rankQuestions(matrix, learner, candidates)]
  const short = [...rankQuestions(matrix, learner, candidates, 10)]
  assert.deepEqual(short.slice(0, 10), whole.slice(0, 10))
  assert.notDeepEqual(short, whole)
  assert.deepEqual(new Set(short), new Set(whole))
  assert.deepEqual(new Set(short.slice(-3)), new Set(answered), 'answered ones stay last')
})

test('the ranking tells far more than a random order', () => {
  const matrix = plantedMatrix(100, 20, 12)
  const learner = nobody(matrix)
  const all = Int32Array.from({ length: 100 }, (_, index) => index)
  const ranked = [...rankQuestions(matrix, learner, all)].slice(0, 20)
  const byNumber = [...all].slice(0, 20)
  assert.ok(informationOf(matrix, learner, ranked) > 1.15 * informationOf(matrix, learner, byNumber))
})

test('questions without weights come last in their group, by uncertainty and then by index', () => {
  const { truth } = plant({
    questions: 6,
    concepts: 2,
    learners: 1,
    responses: 0,
    seed: 4,
    secondHints: 0,
    sigmaSpecific: 0.7,
    sigmaGeneral: 0.7,
  })
  const bare = {
    ...truth,
    weights: { start: new Int32Array(7), concept: new Int32Array(0), value: new Float64Array(0) },
    bounded: { weights: new Float64Array(0), easiness: Float64Array.of(2, 0.5, -0.5, 0.5, 0, 3) },
  }
  const learner = sparfa.know(bare, [{ group: numberedId('question', 4), isCorrect: true }])
  assert.deepEqual([...rankQuestions(bare, learner, Int32Array.of(5, 4, 3, 2, 1, 0))], [1, 2, 3, 0, 5, 4])
})
