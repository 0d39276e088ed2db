import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type FitOptions, type FitProgress, fitMatrix } from '#estimate/sparfa/fit.ts'
import { type SparfaMatrix, storeMatrix } from '#estimate/sparfa/matrix.ts'
import { plant } from '#estimate/sparfa/planted.ts'
import { FitThreads, type FitThreadsOptions, threadsFor } from './block-threads.ts'

/** Enough answers for several blocks. */
const { input } = plant({
  questions: 150,
  concepts: 9,
  learners: 700,
  responses: 27_000,
  seed: 3,
  secondHints: 0.3,
  sigmaSpecific: 0.7,
  sigmaGeneral: 0.7,
})
const hard: FitOptions = { preset: 'hard', seed: 1 }

async function fitIn(how: FitThreadsOptions, options: FitOptions, signal?: AbortSignal): Promise<SparfaMatrix> {
  await using threads = new FitThreads(how)
  return await threads.fit(input, options, signal)
}

for (const preset of ['hard', 'soft'] as const) {
  test(`the stored matrix is the same with 1, 2, 3 and 7 threads and with both kernels, ${preset}`, async () => {
    const wanted = storeMatrix(fitMatrix(input, { preset, seed: 1, kernel: 'plain' }))
    for (const [kernel, threads] of [
      ['wasm', 1],
      ['wasm', 2],
      ['wasm', 3],
      ['wasm', 7],
      ['plain', 3],
    ] as const) {
      const matrix = await fitIn({ threads }, { preset, seed: 1, kernel })
      assert.deepEqual(storeMatrix(matrix), wanted, `${kernel}, ${threads} threads`)
    }
  })
}

test('what is told of a fit is the same in threads, also of the training answers that are followed', async () => {
  const told: FitProgress[][] = []
  for (const threads of [1, 3]) {
    const epochs: FitProgress[] = []
    await fitIn({ threads }, { ...hard, followsTraining: true, onProgress: (one) => epochs.push(one) })
    told.push(epochs)
  }
  assert.ok(told[0]!.length > 1)
  assert.deepEqual(told[1], told[0])
  assert.ok(
    told[0]!.every((one) => one.trainingLogLoss! < one.heldOutLogLoss! - 0.05),
    'they fit better',
  )
})

test('helping threads do their share, also of an auto fit, which has one memory after another', async () => {
  const blocks: number[] = []
  const onThread = (worker: Worker): void => void worker.on('message', (done: number) => blocks.push(done))
  // Slow enough that a thread has started before all is done.
  const options: FitOptions = { preset: 'auto', seed: 1, kernel: 'plain', triesSoft: false }
  const matrix = await fitIn({ threads: 3, onThread }, options)
  assert.deepEqual(storeMatrix(matrix), storeMatrix(fitMatrix(input, options)))
  assert.ok(blocks.reduce((sum, done) => sum + done, 0) > 0)
})

test('a thread that dies ends its fit with an error that says so, and the next fit goes well', async () => {
  // Long enough to notice.
  const long: FitOptions = { preset: 'auto', seed: 1, kernel: 'plain', triesSoft: false }
  const dying = (worker: Worker): void => void worker.terminate()
  await assert.rejects(
    fitIn({ threads: 3, onThread: dying }, long),
    /^Error: a thread of the fit ended with code [01]$/,
  )
  const failing = (worker: Worker): void => worker.postMessage({ task: 'unknown', blocks: 1, next: 'no memory' })
  await assert.rejects(fitIn({ threads: 2, onThread: failing }, long), /^Error: a thread of the fit died: /)
  const matrix = await fitIn({ threads: 3 }, hard)
  assert.deepEqual(storeMatrix(matrix), storeMatrix(fitMatrix(input, hard)))
})

test('a fit that is given up leaves no thread behind', async () => {
  for (const threads of [1, 3]) {
    const workers: Worker[] = []
    const giving = new AbortController()
    const options: FitOptions = { ...hard, onProgress: ({ epoch }) => epoch === 1 && giving.abort() }
    const onThread = (worker: Worker): number => workers.push(worker)
    await assert.rejects(fitIn({ threads, onThread }, options, giving.signal), /given up/)
    assert.equal(workers.length, threads - 1)
    // Ended threads have no number any more.
    assert.ok(workers.every(({ threadId }) => threadId === -1))
    await assert.rejects(fitIn({ threads }, hard, giving.signal), { name: 'AbortError' })
  }
})

test('a thread that runs a fit and is ended takes its helping threads along', async () => {
  const program = `
    const { parentPort } = require('node:worker_threads')
    const run = async () => {
      const { FitThreads } = await import('${new URL('./block-threads.ts', import.meta.url)}')
      const { plant } = await import('${new URL('../estimate/sparfa/planted.ts', import.meta.url)}')
      const { input } = plant({ questions: 150, concepts: 9, learners: 700, responses: 27000, seed: 3, secondHints: 0.3,
        sigmaSpecific: 0.7, sigmaGeneral: 0.7 })
      const onThread = (worker) => worker.once('message', () => parentPort.postMessage('helped'))
      const threads = new FitThreads({ threads: 3, onThread })
      for (;;) await threads.fit(input, { preset: 'auto', seed: 1, kernel: 'plain' })
    }
    void run()`
  const threads = (): number => readdirSync('/proc/self/task').length
  // Whatever else the process starts once, it has started by then.
  await Promise.all([fitIn({ threads: 2 }, hard), readFile('/proc/self/status')])
  const before = threads()
  const worker = new Worker(program, { eval: true })
  await once(worker, 'message')
  assert.ok(threads() >= before + 3)
  await worker.terminate()
  // The system forgets a thread a little after it has ended.
  while (threads() > before) await setTimeout(10)
})

test('few answers are not worth a thread, and more threads than cores nothing', () => {
  assert.deepEqual(
    [0, 90_000, 110_000, 1e6, 1e8].map((answers) => threadsFor(answers, 4)),
    [1, 1, 2, 4, 4],
  )
  assert.equal(threadsFor(1e8, 96), 8)
})

test('a number of threads that makes no sense is refused', async () => {
  for (const threads of [0, -1, 1.5, 65, Number.NaN]) {
    await assert.rejects(fitIn({ threads }, hard), RangeError)
  }
})
