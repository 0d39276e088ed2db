import { availableParallelism } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import type pg from 'pg'
import { indexEcosystem } from '#choose/ecosystem-index.ts'
import type { Ecosystem } from '#domain/ecosystem.ts'
import { FitThreads, threadsFor } from '#due/block-threads.ts'
import { openMatrixStore } from '#due/matrix-store.ts'
import { type GivenAnswer, learnersToShow } from '#estimate/sparfa/clue-history.ts'
import type { ChosenFit, FitOptions, FitProgress } from '#estimate/sparfa/fit.ts'
import { type FitRecord, recordFit } from '#estimate/sparfa/fit-record.ts'
import { type FitInput, prepareFit } from '#estimate/sparfa/input.ts'
import { type SparfaMatrix, storeMatrix } from '#estimate/sparfa/matrix.ts'
import { type LearningReader, openLearningReader, type TrainingAnswer } from '#learning/reader.ts'
import { openPool, openReaderConnections } from '#platform/postgres.ts'
import { letOthersGoFirst } from '#platform/priority.ts'
import type { FitOrder, FitReply } from './fit-thread.ts'

/*
 * The body of a fit's thread: everything that may train the ecosystem (design D25), warm-started from its matrix in
 * use. Concepts are the book's pages; a question is an exercise group, hinted by every page that has it in a pool.
 */
const fitSecondsMax = 600
/** Requests need the others. */
const halfOfTheCores = Math.ceil(availableParallelism() / 2)
const seed = 1

interface Fit {
  readonly matrix: SparfaMatrix
  readonly answers: number
  readonly record: FitRecord
}

async function fit(order: FitOrder): Promise<Fit> {
  const pool = openAnswers(order)
  try {
    const reader = openLearningReader(pool)
    const ecosystem = await reader.ecosystem(order.ecosystem)
    if (ecosystem === undefined) throw new Error(`ecosystem ${order.ecosystem} is not in the read models`)
    const matrices = openMatrixStore(pool, { freshMs: 0, matricesMax: 1 })
    const previous = (await matrices.current(order.ecosystem))?.matrix
    const hasLearnt = previous !== undefined && previous.madeBy.responses > 0
    // Counted just before the answers are read: what comes in between is learnt from and counts as new, never lost.
    const counts = await reader.trainingCounts()
    const answers = counts.find((count) => count.ecosystem === order.ecosystem)?.realAnswers ?? 0
    // They start while the answers are read.
    await using threads = new FitThreads({ threads: order.threads ?? threadsFor(answers, halfOfTheCores) })
    const { input, learners } = await inputOf(reader, ecosystem)
    const epochs: FitProgress[] = []
    let chosen: ChosenFit | undefined
    const options: FitOptions = {
      preset: 'auto',
      seed,
      ...(hasLearnt && { previous }),
      limit: { nowMs: () => performance.now(), maxSeconds: fitSecondsMax },
      followsTraining: true,
      onProgress: (progress) => epochs.push(progress),
      onChosen: (one) => {
        chosen = one
      },
    }
    const matrix = await threads.fit(input, options)
    return { matrix, answers, record: recordFit({ epochs, chosen, matrix, hints: input.hints, learners }) }
  } finally {
    await pool.end()
  }
}

/** One connection to a replica: a second one might lead to an older one, where counted answers are missing. */
function openAnswers({ databaseUrl, readerUrl }: FitOrder): pg.Pool {
  const options = { name: 'fit', statementTimeoutMs: 60_000 }
  if (readerUrl !== undefined) return openReaderConnections(readerUrl, { ...options, connectionsMax: 1 })
  return openPool(databaseUrl, { ...options, connectionsMax: 2 })
}

interface FitData {
  readonly input: FitInput
  /** Answers of a few learners in the order of giving, for the record of the fit. */
  readonly learners: readonly (readonly GivenAnswer[])[]
}

async function inputOf(reader: LearningReader, ecosystem: Ecosystem): Promise<FitData> {
  const index = indexEcosystem(ecosystem)
  const answers = await reader.trainingData(ecosystem.uuid)
  const hints = ecosystem.exercises.flatMap(({ uuid, group }) =>
    (index.containersOf.get(uuid) ?? [])
      .filter((container) => index.pages.has(container))
      .map((concept) => ({ question: group, concept })),
  )
  const input = prepareFit({
    questionIds: ecosystem.exercises.map(({ group }) => group),
    conceptIds: index.containers.filter((container) => index.pages.has(container)),
    hints,
    responses: answers.map(({ learner, group, isCorrect }) => ({ learner, question: group, isCorrect })),
  })
  return { input, learners: shownLearners(answers, input) }
}

function shownLearners(answers: readonly TrainingAnswer[], { questionIds }: FitInput): GivenAnswer[][] {
  const counts = new Map<string, number>()
  for (const { learner } of answers) counts.set(learner, (counts.get(learner) ?? 0) + 1)
  const learners = [...counts.keys()].sort()
  const shown = learnersToShow(learners.map((learner) => counts.get(learner)!)).map((index) => learners[index])
  const questionIndex = new Map(questionIds.map((question, index) => [question, index]))
  return shown.map((learner) =>
    answers
      .filter((answer) => answer.learner === learner)
      .sort((one, other) => one.respondedAt - other.respondedAt || one.number - other.number)
      .flatMap(({ group, isCorrect }) => {
        const question = questionIndex.get(group)
        return question === undefined ? [] : [{ question, isCorrect }]
      }),
  )
}

function reply(message: FitReply): void {
  parentPort?.postMessage(message)
}

// A second more of a fit is nothing to anybody; of a request it is.
letOthersGoFirst()
try {
  const { matrix, ...rest } = await fit(workerData as FitOrder)
  reply({ matrix: storeMatrix(matrix), ...rest })
} catch (error) {
  reply({ error: error instanceof Error ? error.message : String(error) })
}
