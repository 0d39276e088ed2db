import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { sparfa } from '#estimate/sparfa/algorithm.ts'
import { fitMatrix } from '#estimate/sparfa/fit.ts'
import { plant } from '#estimate/sparfa/planted.ts'
import { LearnerThreads } from './learner-threads.ts'

function uuidOf(number: number): Uuid {
  return toUuid(`00000000-0000-4000-8000-${String(number).padStart(12, '0')}`)
}

const world = { questions: 120, concepts: 12, learners: 90, responses: 6000, secondHints: 0.3 }
const matrices = [1, 2].map((seed) => {
  const { input } = plant({ ...world, seed, sigmaSpecific: 0.7, sigmaGeneral: 0.7 })
  return { uuid: uuidOf(seed), model: fitMatrix(input, { preset: 'soft', seed }) }
})

/** Learners with none, some and nearly all questions answered. */
function answersOf(seed: number) {
  const { questionIds } = matrices[0]!.model
  return Array.from({ length: 61 }, (_, learner) =>
    questionIds
      .filter((_question, at) => (at * 7 + learner * 3 + seed) % 61 < learner)
      .map((group, at) => ({ group, isCorrect: (at + learner * seed) % 3 > 0 })),
  )
}

async function startedThreads(helpers: number): Promise<{ threads: LearnerThreads; workers: Worker[] }> {
  const workers: Worker[] = []
  const all = Promise.withResolvers<void>()
  const onReady = (worker: Worker): void => {
    if (workers.push(worker) === helpers) all.resolve()
  }
  const threads = new LearnerThreads({ helpers, onReady })
  await threads.know(matrices[0]!, [])
  await all.promise
  return { threads, workers }
}

test('what is known of a class has the same bits with helping threads, without, and for two matrices at once', async () => {
  const { threads, workers } = await startedThreads(2)
  let orders = 0
  for (const worker of workers) worker.on('message', () => (orders += 1))
  const alone = new LearnerThreads({ helpers: 0 })
  await Promise.all(
    [0, 1, 0, 1].map(async (which, seed) => {
      const named = matrices[which]!
      const wanted = answersOf(seed).map((answers) => sparfa.know(named.model, answers))
      assert.deepEqual(await threads.know(named, answersOf(seed)), wanted)
      assert.deepEqual(await alone.know(named, answersOf(seed)), wanted)
    }),
  )
  assert.ok(orders > 0, 'nobody helped')
  await threads.stop()
})

test('a helping thread that ends in the middle leaves its learners to the one that asks, and is followed by another', async () => {
  const { threads, workers } = await startedThreads(1)
  const named = matrices[0]!
  const wanted = answersOf(1).map((answers) => sparfa.know(named.model, answers))
  const asked = threads.know(named, answersOf(1))
  const ended = workers[0]?.terminate()
  assert.deepEqual(await asked, wanted)
  await ended
  assert.deepEqual(await threads.know(named, answersOf(1)), wanted)
  const failing = Promise.withResolvers<void>()
  const again = new LearnerThreads({
    helpers: 1,
    onReady: (worker) => {
      worker.once('exit', () => failing.resolve())
      worker.postMessage({ order: 1, matrix: undefined, answers: [] })
    },
  })
  assert.deepEqual(await again.know(named, answersOf(1)), wanted)
  await failing.promise
  assert.deepEqual(await again.know(named, answersOf(1)), wanted)
  await Promise.all([threads.stop(), again.stop()])
})

test('the thread that asks has turns for others while it estimates a class', async () => {
  const threads = new LearnerThreads({ helpers: 0 })
  let turns = 0
  let isDone = false
  const count = (): void => {
    turns += 1
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  await threads.know(matrices[0]!, answersOf(1))
  isDone = true
  assert.ok(turns >= 61 / 4 - 1, `only ${turns} turns`)
})
