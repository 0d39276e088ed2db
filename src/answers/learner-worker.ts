import { parentPort } from 'node:worker_threads'
import { estimateLearner } from '#estimate/sparfa/learner.ts'
import type { SparfaMatrix } from '#estimate/sparfa/matrix.ts'
import type { LearnerOrder, LearnerReply } from './learner-threads.ts'

/* A thread that estimates learners for a class. What throws here ends the thread; who asked then does without it. */
let matrix: SparfaMatrix | undefined

function tell(reply: LearnerReply): void {
  parentPort?.postMessage(reply)
}

parentPort?.on('message', ({ order, matrix: next, answers }: LearnerOrder) => {
  matrix = next ?? matrix
  if (matrix === undefined) throw new Error('an order came before its matrix')
  const known = []
  for (const { answered, isCorrect } of answers) known.push(estimateLearner(matrix, answered, isCorrect))
  tell({ order, known })
})
tell('ready')
