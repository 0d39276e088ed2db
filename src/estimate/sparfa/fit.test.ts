import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sparfa } from './algorithm.ts'
import { type FitOptions, fitMatrix } from './fit.ts'
import { type FitRecords, prepareFit } from './input.ts'
import { type SparfaMatrix, storeMatrix } from './matrix.ts'
import { numberedId } from './numbered-id.ts'
import { plant } from './planted.ts'

const planted = plant({
  questions: 80,
  concepts: 8,
  learners: 150,
  responses: 4000,
  seed: 2,
  secondHints: 0.3,
  sigmaSpecific: 0.7,
  sigmaGeneral: 0.7,
})

const hard: FitOptions = { preset: 'hard', seed: 1 }

/** The planted data as a caller has them: ids and rows. */
function recordsOf(rows: readonly number[], { input } = planted) {
  const { learner, question, isCorrect } = input.responses
  return {
    questionIds: input.questionIds,
    conceptIds: input.conceptIds,
    hints: input.questionIds.flatMap((id, index) =>
      [...input.hints.concept.subarray(input.hints.start[index]!, input.hints.start[index + 1]!)].map((concept) => ({
        question: id,
        concept: input.conceptIds[concept]!,
      })),
    ),
    responses: rows.map((row) => ({
      learner: numberedId('learner', learner[row]!),
      question: input.questionIds[question[row]!]!,
      isCorrect: isCorrect[row] === 1,
    })),
  }
}

const everyRow = Array.from(planted.input.responses.learner, (_, row) => row)

test('the same responses in any order give the same matrix, bit by bit, and ids count once', () => {
  const records = recordsOf(everyRow)
  const shuffled: FitRecords = {
    questionIds: [...records.questionIds, ...records.questionIds],
    conceptIds: [...records.conceptIds, ...records.conceptIds],
    hints: [...records.hints, ...records.hints].toReversed(),
    responses: [
      { learner: numberedId('learner', 0), question: numberedId('unknown', 9), isCorrect: true },
      ...records.responses.toReversed(),
    ],
  }
  const [one, other] = [fitMatrix(prepareFit(records), hard), fitMatrix(prepareFit(shuffled), hard)]
  assert.deepEqual(storeMatrix(one), storeMatrix(other))
  assert.equal(one.madeBy.responses, 4000)
})

test('another seed holds out other responses', () => {
  const input = prepareFit(recordsOf(everyRow))
  assert.notDeepEqual(fitMatrix(input, hard).easiness, fitMatrix(input, { ...hard, seed: 2 }).easiness)
})

test('without responses W = W0 and d = 0, for every shape', () => {
  for (const [questions, concepts] of [
    [0, 0],
    [0, 2],
    [2, 0],
    [3, 2],
  ] as const) {
    const questionIds = Array.from({ length: questions }, (_, index) => numberedId('question', index))
    const conceptIds = Array.from({ length: concepts }, (_, index) => numberedId('concept', index))
    const hints = [0, 1].map((index) => ({
      question: numberedId('question', 0),
      concept: numberedId('concept', index),
    }))
    const responses = [{ learner: 'somebody', question: numberedId('question', 77), isCorrect: true }]
    const input = prepareFit({ questionIds, conceptIds, hints, responses })
    const matrix = fitMatrix(input, { preset: 'auto', seed: 1 })
    assert.deepEqual(
      [...matrix.easiness],
      questionIds.map(() => 0),
    )
    assert.deepEqual([...matrix.weights.value], questions > 0 && concepts > 0 ? [0.5, 0.5] : [])
    assert.equal(matrix.madeBy.stopped_by, 'empty')
    const knowledge = sparfa.know(matrix, [])
    assert.equal(sparfa.clue(matrix, [knowledge], questionIds, { confidence: 0.5, minResponses: 3 }).isReal, false)
  }
})

test('questions without hints, without answers, all right and all wrong get finite numbers', () => {
  const questionIds = [0, 1, 2, 3, 4].map((index) => numberedId('question', index))
  const conceptIds = [numberedId('concept', 0)]
  const hints = [0, 1, 2, 3].map((index) => ({
    question: numberedId('question', index),
    concept: numberedId('concept', 0),
  }))
  const responses = Array.from({ length: 30 }, (_, index) => [
    { learner: `learner ${index}`, question: numberedId('question', 0), isCorrect: true },
    { learner: `learner ${index}`, question: numberedId('question', 1), isCorrect: false },
    { learner: `learner ${index}`, question: numberedId('question', 4), isCorrect: index % 3 > 0 },
  ]).flat()
  for (const preset of ['hard', 'soft', 'soft-strict', 'auto'] as const) {
    const input = prepareFit({ questionIds, conceptIds, hints, responses })
    const matrix = fitMatrix(input, { preset, seed: 1, triesSoft: true })
    const [right, wrong, unanswered, , unhinted] = matrix.easiness
    assert.ok(right! > 1.5 && right! < 8, `${right}`)
    assert.ok(wrong! < -1.5 && wrong! > -8, `${wrong}`)
    assert.ok(Math.abs(unanswered!) < 0.5, `${unanswered}`)
    assert.ok(Math.abs(unhinted! - Math.log(2)) < 0.5, `${unhinted}`)
    if (matrix.madeBy.mask === 'hard') assert.equal(matrix.weights.start[5], matrix.weights.start[4])
  }
})

test('auto is at least as good on held-out responses as the fixed penalty, and says what it chose', () => {
  const input = prepareFit(recordsOf(everyRow))
  const masks = new Set<string>()
  const auto = fitMatrix(input, {
    preset: 'auto',
    seed: 1,
    triesSoft: true,
    onProgress: ({ mask, lamU }) => masks.add(`${mask} ${lamU}`),
  })
  assert.deepEqual([...masks], ['hard 64', 'hard 16', 'hard 8', 'hard 4', 'hard 2', 'hard 1', 'soft 1'])
  assert.ok(auto.madeBy.held_out_log_loss! <= fitMatrix(input, hard).madeBy.held_out_log_loss! + 1e-3)
  assert.equal(auto.madeBy.preset, 'auto')
})

test('auto takes the soft mask where it serves better, and not where that may be chance', () => {
  // Of the first a soft fit is better by more than a standard error, of the second by less.
  const maskOf = (seed: number): string => {
    const size = { questions: 40, concepts: 4, learners: 120, responses: 2400 }
    const { input } = plant({ ...size, seed, secondHints: 0.3, sigmaSpecific: 0.7, sigmaGeneral: 0.7 })
    return fitMatrix(input, { preset: 'auto', seed: 1, triesSoft: true }).madeBy.mask
  }
  assert.deepEqual([maskOf(2), maskOf(8)], ['soft', 'hard'])
})

test('without any hint a soft fit finds concepts of its own, the same for the same seed', () => {
  const { hints, ...records } = recordsOf(everyRow)
  assert.ok(hints.length > 0)
  const input = prepareFit({ ...records, conceptIds: records.conceptIds.slice(0, 3), hints: [] })
  const easinessOnly = fitMatrix(input, hard)
  const exploring = fitMatrix(input, { preset: 'soft', seed: 1 })
  assert.equal(easinessOnly.weights.value.length, 0)
  assert.ok(exploring.weights.value.length > input.questionIds.length)
  assert.ok(exploring.madeBy.held_out_log_loss! < easinessOnly.madeBy.held_out_log_loss! - 0.01)
  assert.deepEqual(storeMatrix(fitMatrix(input, { preset: 'soft', seed: 1 })), storeMatrix(exploring))
})

function triedBy(options: Partial<FitOptions>, rows = everyRow): string[] {
  const seen = new Set<string>()
  const onProgress: FitOptions['onProgress'] = ({ mask, lamU }) => seen.add(`${mask} ${lamU}`)
  fitMatrix(prepareFit(recordsOf(rows)), { preset: 'auto', seed: 1, ...options, onProgress })
  return [...seen]
}

/** As if `auto` had chosen it, by held-out answers that it foretold so badly that no later fit is misled. */
function chosenBefore(changes: Partial<SparfaMatrix['madeBy']>): SparfaMatrix {
  const first = fitMatrix(prepareFit(recordsOf(everyRow)), { preset: 'hard', seed: 1 })
  return { ...first, lamU: changes.lam_u!, madeBy: { ...first.madeBy, held_out_log_loss: 1, ...changes } }
}

test('a later auto fit looks at what was chosen before, its neighbours and the default', () => {
  const tried = (changes: Partial<SparfaMatrix['madeBy']>): string[] => triedBy({ previous: chosenBefore(changes) })
  assert.deepEqual(tried({ lam_u: 8 }), ['hard 16', 'hard 8', 'hard 4', 'hard 2'])
  assert.deepEqual(tried({ lam_u: 64 }), ['hard 64', 'hard 16', 'hard 2'])
  assert.deepEqual(tried({ lam_u: 1, mask: 'soft' }), ['hard 2', 'hard 1', 'soft 1'])
})

test('a later auto fit stayed near the stiffest penalty, which too few answers had chosen', () => {
  const previous = chosenBefore({ lam_u: 64, held_out_log_loss: null })
  assert.deepEqual(triedBy({ previous }), triedBy({}))
})

test('auto ran seven fits to take the first where no answers are held out', () => {
  for (const options of [{ triesSoft: true }, { previous: chosenBefore({ lam_u: 64 }) }]) {
    assert.deepEqual(triedBy(options, everyRow.slice(0, 199)), ['hard 2'])
  }
  assert.equal(triedBy({}, everyRow.slice(0, 200)).length, 7)
})

test('a fit from the previous matrix is as good in at most a third of the epochs', () => {
  const older = fitMatrix(prepareFit(recordsOf(everyRow.filter((row) => row % 11 > 0))), hard)
  const input = prepareFit(recordsOf(everyRow))
  const epochsTo = (options: FitOptions): { losses: number[]; warmStarts: number } => {
    const losses: number[] = []
    const matrix = fitMatrix(input, { ...options, onProgress: (progress) => losses.push(progress.heldOutLogLoss!) })
    return { losses, warmStarts: matrix.madeBy.warm_starts }
  }
  const [cold, warm] = [epochsTo(hard), epochsTo({ ...hard, previous: older })]
  const goal = Math.min(...cold.losses) + 1e-3
  const first = (losses: number[]): number => losses.findIndex((loss) => loss <= goal) + 1
  assert.equal(warm.warmStarts, 1)
  assert.ok(first(warm.losses) >= 1 && 3 * first(warm.losses) <= Math.max(3, first(cold.losses)), `${warm.losses}`)
})

test('every twentieth fit is cold, and so is one whose previous matrix misleads it', () => {
  const input = prepareFit(recordsOf(everyRow))
  const cold = fitMatrix(input, hard)
  const aged = { ...cold, madeBy: { ...cold.madeBy, warm_starts: 19 } }
  assert.deepEqual(storeMatrix(fitMatrix(input, { ...hard, previous: aged })), storeMatrix(cold))
  const flattering = { ...cold, madeBy: { ...cold.madeBy, held_out_log_loss: 0.1 } }
  assert.deepEqual(storeMatrix(fitMatrix(input, { ...hard, previous: flattering })), storeMatrix(cold))
})

test('a previous matrix is matched by id: other orders, new and vanished questions', () => {
  const records = recordsOf(everyRow)
  const permuted: FitRecords = {
    ...records,
    questionIds: [numberedId('question', 500), ...[...records.questionIds].toReversed().slice(5)],
    conceptIds: [...records.conceptIds].toReversed(),
  }
  const older = fitMatrix(prepareFit(records), hard)
  // Renumbered questions hold out other responses, so the two losses cannot be compared on so little data.
  const unjudged = { ...older, madeBy: { ...older.madeBy, held_out_log_loss: null } }
  const matrix = fitMatrix(prepareFit(permuted), { ...hard, previous: unjudged })
  assert.equal(matrix.madeBy.warm_starts, 1)
  const index = matrix.questionIndex.get(numberedId('question', 3))!
  const olderIndex = older.questionIndex.get(numberedId('question', 3))!
  assert.ok(Math.abs(matrix.easiness[index]! - older.easiness[olderIndex]!) < 0.3)
})

test('the time limit ends a fit with what it has, and says so', () => {
  let now = 0
  const nowMs = (): number => {
    now += 400
    return now
  }
  const matrix = fitMatrix(prepareFit(recordsOf(everyRow)), { ...hard, limit: { nowMs, maxSeconds: 0.8 } })
  assert.equal(matrix.madeBy.stopped_by, 'time')
  assert.equal(matrix.madeBy.epochs, 2)
})

test('a second response of a learner to a question is refused', () => {
  const records = recordsOf([0, 1, 2])
  const twice = { ...records, responses: [...records.responses, records.responses[0]!] } as FitRecords
  assert.throws(() => fitMatrix(prepareFit(twice), hard), RangeError)
})
