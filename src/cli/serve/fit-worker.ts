import { availableParallelism } from 'node:os'
import { parentPort, workerData } from 'node:worker_threads'
import type pg from 'pg'
import { indexEcosystem } from '#choose/ecosystem-index.ts'
import type { Ecosystem } from '#domain/ecosystem.ts'
import { fitInThreads, threadsFor } from '#due/block-threads.ts'
import { openMatrixStore } from '#due/matrix-store.ts'
import type { FitOptions } from '#estimate/sparfa/fit.ts'
import { type FitInput, prepareFit } from '#estimate/sparfa/input.ts'
import { type SparfaMatrix, storeMatrix } from '#estimate/sparfa/matrix.ts'
import { type LearningReader, openLearningReader, type TrainingAnswer } from '#learning/reader.ts'
import { openPool, openReaderConnections } from '#platform/postgres.ts'
import type { FitOrder, FitReply } from './fit-thread.ts'

/*
 * The body of a fit's thread: everything that may train the ecosystem (design D25), warm-started from its matrix in
 * use. Concepts are the book's pages; a question is an exercise group, hinted by every page that has it in a pool.
 */
const fitSecondsMax = 600
const seed = 1

async function fit(order: FitOrder): Promise<{ matrix: SparfaMatrix; answers: number }> {
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
    const input = await inputOf(reader, ecosystem)
    const options: FitOptions = {
      preset: 'auto',
      seed,
      ...(hasLearnt && { previous }),
      limit: { nowMs: () => performance.now(), maxSeconds: fitSecondsMax },
    }
    const threads = order.threads ?? threadsFor(input.responses.question.length, Math.ceil(availableParallelism() / 2))
    const matrix = await fitInThreads(input, options, { threads })
    return { matrix, answers }
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

async function inputOf(reader: LearningReader, ecosystem: Ecosystem): Promise<FitInput> {
  const index = indexEcosystem(ecosystem)
  const responses: { learner: string; question: TrainingAnswer['group']; isCorrect: boolean }[] = []
  for await (const chunk of reader.trainingData(ecosystem.uuid)) {
    for (const { learner, group, isCorrect } of chunk) responses.push({ learner, question: group, isCorrect })
  }
  const hints = ecosystem.exercises.flatMap(({ uuid, group }) =>
    (index.containersOf.get(uuid) ?? [])
      .filter((container) => index.pages.has(container))
      .map((concept) => ({ question: group, concept })),
  )
  return prepareFit({
    questionIds: ecosystem.exercises.map(({ group }) => group),
    conceptIds: index.containers.filter((container) => index.pages.has(container)),
    hints,
    responses,
  })
}

function reply(message: FitReply): void {
  parentPort?.postMessage(message)
}

try {
  const { matrix, answers } = await fit(workerData as FitOrder)
  reply({ matrix: storeMatrix(matrix), answers })
} catch (error) {
  reply({ error: error instanceof Error ? error.message : String(error) })
}
