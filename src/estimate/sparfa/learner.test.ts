import assert from 'node:assert/strict'
import { test } from 'node:test'
import { estimateLearner } from './learner.ts'
import { conceptRows, makeMatrix, type SparfaMatrix } from './matrix.ts'
import { numberedId } from './numbered-id.ts'
import { probabilityOf } from './predict.ts'
import { bestKernel } from './wasm.ts'

/** Every question is on `perQuestion` of the concepts, so the learner's rows are full or not. */
function matrixOf(questions: number, concepts: number, perQuestion: number, lamG: number | null = 1.5): SparfaMatrix {
  const pairs = Array.from({ length: questions }, (_, question) =>
    Array.from({ length: perQuestion }, (__, at) => [question, (question * 7 + at) % concepts] as const),
  ).flat()
  const support = conceptRows(questions, pairs)
  return makeMatrix({
    questionIds: Array.from({ length: questions }, (_, at) => numberedId('question', at)),
    conceptIds: Array.from({ length: concepts }, (_, at) => numberedId('concept', at)),
    easiness: Float64Array.from({ length: questions }, (_, at) => ((at * 13) % 10) / 5 - 1),
    support,
    weights: Float64Array.from(support.concept, (_, at) => 0.05 + ((at * 11) % 17) / 40),
    hints: support,
    madeBy: {
      ...{
        preset: 'soft',
        mask: 'soft',
        lam_w: 1,
        lam_d: 1,
        lam_u: 2,
        lam_g: lamG,
        seed: 1,
        responses: 0,
        learners: 0,
      },
      ...{ epochs: 0, held_out_log_loss: null, stopped_by: 'empty', warm_starts: 0 },
    },
  })
}

for (const { perQuestion, rows } of [
  { perQuestion: 12, rows: 'full' },
  { perQuestion: 5, rows: 'full enough' },
  { perQuestion: 2, rows: 'sparse' },
]) {
  test(`the mean of ${rows} rows is where the gradient vanishes, and the factor is that of the precision there`, () => {
    // No multiple of four, so that the rows are filled up.
    const [questions, concepts] = [61, 12]
    const matrix = matrixOf(questions, concepts, perQuestion)
    const answered = Int32Array.from({ length: questions - 2 }, (_, at) => at)
    const isCorrect = Uint8Array.from(answered, (question) => (question % 3 === 0 ? 0 : 1))
    const { mean, position, factor } = estimateLearner(matrix, answered, isCorrect)
    const knowledge = estimateLearner(matrix, answered, isCorrect)
    const size = concepts + 1
    const gradient = Float64Array.from(mean, (value, at) => (at < concepts ? matrix.lamU : matrix.lamG) * value)
    const precision = Array.from({ length: size }, (_, row) =>
      Float64Array.from({ length: size }, (__, column) => {
        if (row !== column) return 0
        return row < concepts ? matrix.lamU : matrix.lamG
      }),
    )
    for (const question of answered) {
      const p = probabilityOf(matrix, knowledge, question)
      const weights = new Float64Array(size)
      for (let entry = matrix.weights.start[question]!; entry < matrix.weights.start[question + 1]!; entry++) {
        weights[position[matrix.weights.concept[entry]!]!] = matrix.weights.value[entry]!
        weights[concepts]! += matrix.weights.value[entry]!
      }
      weights.forEach((weight, row) => {
        gradient[row]! += (p - isCorrect[question]!) * weight
        weights.forEach((other, column) => {
          precision[row]![column]! += p * (1 - p) * weight * other
        })
      })
    }
    assert.ok(Math.hypot(...gradient) < 1e-8, `gradient ${Math.hypot(...gradient)}`)
    const lower = (row: number, column: number): number =>
      column < factor.first[row]! || column > row ? 0 : factor.value[factor.base[row]! + column]!
    for (let row = 0; row < size; row++) {
      for (let column = 0; column <= row; column++) {
        let product = 0
        for (let at = 0; at < size; at++) product += lower(row, at) * lower(column, at)
        assert.ok(Math.abs(product - precision[row]![column]!) < 1e-4, `${row}, ${column}`)
      }
    }
  })
}

test('WebAssembly gives the same bits as plain code, whoever used the memory before', () => {
  assert.equal(bestKernel(), 'wasm', 'this engine has no WebAssembly to test')
  for (const [turn, concepts] of [12, 40, 8, 9, 250, 10, 31].entries()) {
    for (const lamG of [1.5, null]) {
      const perQuestion = turn % 2 === 0 ? concepts : Math.ceil(concepts * 0.4)
      const matrix = matrixOf(73, concepts, perQuestion, lamG)
      for (const count of [73, 1, 4, 58]) {
        const answered = Int32Array.from({ length: count }, (_, at) => at)
        // One learner is right or wrong throughout, which drives the mean far from zero.
        const isCorrect = Uint8Array.from(answered, (at) => (count === 58 || (at * 7) % 5 < 2 ? 1 : 0))
        const [plain, wasm] = (['plain', 'wasm'] as const).map((kernel) => {
          const { mean, factor } = estimateLearner(matrix, answered, isCorrect, kernel)
          return { mean: [...mean], factor: [...factor.value] }
        })
        assert.deepEqual(wasm, plain, `${concepts} concepts, ${count} answers, lam_g ${lamG}`)
      }
    }
  }
})
