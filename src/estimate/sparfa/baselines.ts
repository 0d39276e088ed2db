/**
 * What SPARFA has to beat: item response models with one ability, and the logistic regression that Gervet et al. (2020)
 * found hard to beat.
 */
import type { DataSet, Predictor } from './evaluate.ts'
import { fitLogistic, predictLogistic, type SparseRows } from './logistic.ts'
import { makeMatrix } from './matrix.ts'
import { numberedId } from './numbered-id.ts'
import { predictWith } from './predict.ts'
import { presets } from './presets.ts'
import { makeProblem, startingPoint } from './problem.ts'
import type { Asked } from './responses.ts'
import { complete } from './stages.ts'
import { variational } from './variational.ts'

const EPOCHS = 30

/** 1PL (`irt1`) or 2PL (`irt2`): z = w_q g_l + d_q, with the same priors and the same averaging as SPARFA. */
function irtPredictor(name: 'irt1' | 'irt2'): Predictor {
  return ({ training, test }) => {
    const { responses, hints, conceptCount } = training
    const problem = makeProblem({ preset: presets[name], responses, hints, conceptCount })
    const optimiser = variational(problem, startingPoint(problem))
    for (let epoch = 0; epoch < EPOCHS; epoch++) complete(optimiser.epoch(epoch))
    const { lamW, lamD, lamG } = problem.penalties
    const matrix = makeMatrix({
      questionIds: Array.from({ length: responses.questionCount }, (_, index) => numberedId('question', index)),
      conceptIds: [numberedId('concept', 0)],
      easiness: optimiser.point.easiness,
      support: problem.support,
      weights: optimiser.point.weights,
      hints: problem.hints,
      madeBy: {
        preset: name,
        mask: 'hard',
        lam_w: lamW,
        lam_d: lamD,
        lam_u: null,
        lam_g: lamG,
        seed: 0,
        responses: responses.question.length,
        learners: responses.learnerCount,
        epochs: EPOCHS,
        held_out_log_loss: null,
        stopped_by: 'epochs',
        warm_starts: 0,
      },
    })
    return predictWith(matrix, responses, test)
  }
}

/**
 * Best-LR: learner, question and concept indicators; for every concept of the question log(1 + right answers) and
 * log(1 + answers) of the learner before this one; the same two over everything. Counts of the question itself would
 * always be zero, because only first answers are looked at. Only training answers are counted.
 */
const bestLogisticRegression: Predictor = ({ training, test, testOrder }) => {
  const layout = layoutOf(training)
  const known = featureRows(training, { responses: training.responses, order: training.order }, layout)
  const coefficient = fitLogistic(known, training.responses.isCorrect, { ridge: 1, sweepsMax: 50 })
  return predictLogistic(featureRows(training, { responses: test, order: testOrder }, layout), coefficient)
}

/** Where each kind of feature begins. */
interface Layout {
  readonly question: number
  readonly concept: number
  readonly conceptRight: number
  readonly conceptAnswers: number
  readonly total: number
  readonly featureCount: number
}

function layoutOf({ responses, conceptCount }: DataSet): Layout {
  const question = responses.learnerCount
  const concept = question + responses.questionCount
  const conceptRight = concept + conceptCount
  const conceptAnswers = conceptRight + conceptCount
  const total = conceptAnswers + conceptCount
  // Two counts over everything, and the intercept.
  return { question, concept, conceptRight, conceptAnswers, total, featureCount: total + 3 }
}

interface AskedRows {
  readonly responses: Asked
  readonly order: Int32Array
}

function featureRows(training: DataSet, asked: AskedRows, layout: Layout): SparseRows {
  const { hints } = training
  const { responses } = asked
  const start = new Int32Array(responses.question.length + 1)
  for (let row = 0; row < responses.question.length; row++) {
    const question = responses.question[row]!
    start[row + 1] = start[row]! + 5 + 3 * (hints.start[question + 1]! - hints.start[question]!)
  }
  const feature = new Int32Array(start[responses.question.length]!)
  const value = new Float64Array(feature.length)
  for (let learner = 0; learner < responses.learnerCount; learner++) {
    countAlong(training, asked, learner, (row, counts) => {
      let place = start[row]!
      const put = (index: number, amount: number): void => {
        feature[place] = index
        value[place] = amount
        place += 1
      }
      const question = responses.question[row]!
      put(learner, 1)
      put(layout.question + question, 1)
      for (let entry = hints.start[question]!; entry < hints.start[question + 1]!; entry++) {
        const concept = hints.concept[entry]!
        put(layout.concept + concept, 1)
        put(layout.conceptRight + concept, Math.log1p(counts.right[concept]!))
        put(layout.conceptAnswers + concept, Math.log1p(counts.answers[concept]!))
      }
      put(layout.total, Math.log1p(counts.rightTotal))
      put(layout.total + 1, Math.log1p(counts.answersTotal))
      put(layout.total + 2, 1)
    })
  }
  return { featureCount: layout.featureCount, start, feature, value }
}

interface Counts {
  readonly right: Float64Array
  readonly answers: Float64Array
  rightTotal: number
  answersTotal: number
}

/** Visits the asked rows of one learner in time order, with counts of the training rows before each. */
function countAlong(
  { responses, order, hints, conceptCount }: DataSet,
  asked: AskedRows,
  learner: number,
  visit: (row: number, counts: Counts) => void,
): void {
  const counts: Counts = {
    right: new Float64Array(conceptCount),
    answers: new Float64Array(conceptCount),
    rightTotal: 0,
    answersTotal: 0,
  }
  const known = rowsInOrder(responses, order, learner)
  let next = 0
  for (const row of rowsInOrder(asked.responses, asked.order, learner)) {
    for (; next < known.length && order[known[next]!]! < asked.order[row]!; next++) {
      const isRight = responses.isCorrect[known[next]!]!
      const question = responses.question[known[next]!]!
      counts.rightTotal += isRight
      counts.answersTotal += 1
      for (let entry = hints.start[question]!; entry < hints.start[question + 1]!; entry++) {
        counts.right[hints.concept[entry]!]! += isRight
        counts.answers[hints.concept[entry]!]! += 1
      }
    }
    visit(row, counts)
  }
}

function rowsInOrder({ start }: Asked, order: Int32Array, learner: number): number[] {
  const rows = Array.from({ length: start[learner + 1]! - start[learner]! }, (_, at) => start[learner]! + at)
  return rows.sort((one, other) => order[one]! - order[other]!)
}

/** All predictors by the names that reports use. */
export const baselines: { readonly [name: string]: Predictor } = {
  '1PL': irtPredictor('irt1'),
  '2PL': irtPredictor('irt2'),
  'best-LR': bestLogisticRegression,
}
