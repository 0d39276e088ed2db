import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { type FitOptions, fitMatrix } from '#estimate/sparfa/fit.ts'
import { prepareFit } from '#estimate/sparfa/input.ts'
import { plant } from '#estimate/sparfa/planted.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { FitThreads } from './block-threads.ts'
import { openMatrixStore } from './matrix-store.ts'
import { findDue, type TrainerPorts, trainOne } from './trainer.ts'
import { claimTraining, fitIntervalMs, isFitDue, readTrainingStates, type TrainingState } from './training-claims.ts'

const ecosystem = toUuid('00000000-0000-4000-8000-0000000000e1')
const page = toUuid('00000000-0000-4000-8000-0000000000c1')
const groups = [1, 2, 3].map((index) => toUuid(`00000000-0000-4000-8000-00000000000${index}`))
const token = (index: number): Uuid => toUuid(`00000000-0000-4000-8000-0000000000f${index}`)
const never = new AbortController().signal

const { pool } = await openTestDatabase()
beforeEach(async () => {
  await pool.query('delete from training')
  await pool.query('delete from ecosystem_matrix')
})

function matrixOf(seed: number) {
  const responses = groups.flatMap((question, index) =>
    [0, 1, 2].map((learner) => ({ learner: `l${learner}`, question, isCorrect: (learner + index + seed) % 3 > 0 })),
  )
  const hints = groups.map((question) => ({ question, concept: page }))
  const input = prepareFit({ questionIds: groups, conceptIds: [page], hints, responses })
  return fitMatrix(input, { preset: 'hard', seed })
}

function ports(answers: number, fit: TrainerPorts['fit']): TrainerPorts {
  return { pool, counts: async () => [{ ecosystem, answers }], fit }
}

const fitted = (answers: number) => async () => ({ matrix: matrixOf(answers), answers })

test('a new ecosystem is fitted once, and what is read back is what was stored, bit by bit', async () => {
  const matrix = matrixOf(1)
  assert.equal(
    await trainOne(
      ports(0, async () => ({ matrix, answers: 0 })),
      never,
    ),
    true,
  )
  assert.equal(await trainOne(ports(0, fitted(0)), never), false)
  const store = openMatrixStore(pool, { freshMs: 0, matricesMax: 1 })
  const named = await store.current(ecosystem)
  assert.deepEqual(named?.matrix.easiness, matrix.easiness)
  assert.deepEqual(named?.matrix.weights, matrix.weights)
  assert.deepEqual(named?.matrix.madeBy, matrix.madeBy)
})

test('the newest matrix is in use, the older ones stay readable by their names', async () => {
  await trainOne(ports(0, fitted(1)), never)
  const store = openMatrixStore(pool, { freshMs: 0, matricesMax: 4 })
  const first = await store.current(ecosystem)
  await pool.query(`update training set fitted_at = now() - interval '2 minutes'`)
  await trainOne(ports(100, fitted(100)), never)
  store.forget(ecosystem)
  assert.equal((await store.current(ecosystem))?.uuid, first?.uuid, 'the new one waits until every process knows it')
  const second = await store.inUseAt(ecosystem, Date.now() + 3000)
  assert.ok(first !== undefined && second !== undefined)
  assert.notEqual(second.uuid, first.uuid)
  assert.equal((await store.byUuid(first.uuid))?.uuid, first.uuid)
  assert.deepEqual(
    (await store.history(ecosystem, 10)).map(({ uuid }) => uuid),
    [second.uuid, first.uuid],
  )
})

test('a trainer that lost its claim while fitting stores nothing', async () => {
  const lateFit: TrainerPorts['fit'] = async () => {
    await pool.query(`update training set claimed_until = now() - interval '1 second'`)
    assert.ok(await claimTraining(pool, ecosystem, token(2), 60_000))
    return { matrix: matrixOf(1), answers: 0 }
  }
  await trainOne(ports(0, lateFit), never)
  const stored = await pool.query('select 1 from ecosystem_matrix')
  assert.equal(stored.rowCount, 0)
  const claims = await pool.query('select token from training')
  assert.equal(claims.rows[0]?.token, token(2))
})

test('a claim is exclusive until its lease ends', async () => {
  assert.ok(await claimTraining(pool, ecosystem, token(1), 60_000))
  assert.equal(await claimTraining(pool, ecosystem, token(2), 60_000), undefined)
  assert.deepEqual(await findDue(ports(0, fitted(0))), [])
  await pool.query(`update training set claimed_until = now() - interval '1 second'`)
  assert.equal((await findDue(ports(0, fitted(0)))).length, 1)
  assert.ok(await claimTraining(pool, ecosystem, token(2), 60_000))
})

test('a thread that dies fails its fit alone: the trainer goes on with the next', async () => {
  const failures: string[] = []
  let isDying = true
  const { input } = plant({
    questions: 30,
    concepts: 3,
    learners: 900,
    responses: 20_000,
    seed: 1,
    secondHints: 0,
    sigmaSpecific: 0.7,
    sigmaGeneral: 0.7,
  })
  const threaded: TrainerPorts = {
    ...ports(0, async (_ecosystem, _fits, signal) => {
      const onThread = (worker: Worker): void => void (isDying && worker.terminate())
      await using threads = new FitThreads({ threads: 2, onThread })
      // Long enough to notice.
      const fit: FitOptions = { preset: 'auto', seed: 1, kernel: 'plain', triesSoft: false }
      return { matrix: await threads.fit(input, fit, signal), answers: 0 }
    }),
    failed: (_ecosystem, error) => failures.push(String(error)),
  }
  await trainOne(threaded, never)
  assert.match(failures.join(), /^Error: a thread of the fit ended with code [01]$/)
  assert.equal((await pool.query('select 1 from ecosystem_matrix')).rowCount, 0)
  isDying = false
  await pool.query(`update training set failed_at = now() - interval '2 minutes'`)
  await trainOne(threaded, never)
  assert.equal((await pool.query('select 1 from ecosystem_matrix')).rowCount, 1)
  assert.equal(failures.length, 1)
})

test('a fit that fails is told, handed back, and tried again later', async () => {
  const failures: unknown[] = []
  const failing: TrainerPorts = {
    ...ports(0, async () => Promise.reject(new Error('no memory'))),
    failed: (_, error) => failures.push(error),
  }
  await trainOne(failing, never)
  assert.match(String(failures[0]), /no memory/)
  assert.deepEqual(await findDue(failing), [])
  await pool.query(`update training set failed_at = now() - interval '61 seconds'`)
  assert.equal((await findDue(failing)).length, 1)
  const { states } = await readTrainingStates(pool)
  assert.equal(states.get(ecosystem)?.failures, 1)
})

test('a trainer that is stopped hands its claim back at once, without counting a failure', async () => {
  const stopping = new AbortController()
  const stopped: TrainerPorts['fit'] = (_ecosystem, _fits, signal) => {
    stopping.abort()
    return signal.aborted ? Promise.reject(new Error('given up')) : Promise.reject(new Error('no signal'))
  }
  await trainOne(ports(0, stopped), stopping.signal)
  const claims = await pool.query('select token, failures from training')
  assert.deepEqual(claims.rows, [{ token: null, failures: 0 }])
})

test('due after a tenth more answers, at most once a minute', () => {
  const now = Date.now()
  const state = (fittedAnswers: number, agoMs: number): TrainingState => ({
    ecosystem,
    fits: 1,
    fittedAt: new Date(now - agoMs),
    fittedAnswers,
    isRunning: false,
    failures: 0,
    failedAt: undefined,
  })
  assert.equal(isFitDue(undefined, 0, now), true)
  assert.equal(isFitDue(state(100, 2 * fitIntervalMs), 109, now), false)
  assert.equal(isFitDue(state(100, 2 * fitIntervalMs), 110, now), true)
  assert.equal(isFitDue(state(100, fitIntervalMs - 1), 500, now), false)
  assert.equal(isFitDue(state(0, 2 * fitIntervalMs), 0, now), false)
  assert.equal(isFitDue(state(0, 2 * fitIntervalMs), 1, now), true)
})
