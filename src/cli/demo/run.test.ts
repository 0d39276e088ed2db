import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createFakeServer, type FakeRequest, type FakeServerOptions } from '#client/fake/server.ts'
import { instantClock } from '#client/test-outbox.ts'
import type { Progress } from './progress.ts'
import { renderReport } from './report.ts'
import { type DemoOptions, runDemo } from './run.ts'

interface Model {
  /** How many looks at the status until there is a matrix. */
  readonly looks: number
  /** What the CLUE of a student and page says. */
  readonly mostLikely?: (student: string, page: string) => number
}

/** A fake server that has learnt after some looks, and then knows CLUEs. */
function learning({ looks, mostLikely }: Model): FakeServerOptions['intercept'] {
  let looked = 0
  let ecosystem: string | undefined
  return async (request, next) => {
    const body = request.text === '' ? {} : JSON.parse(request.text)
    if (request.endpoint === 'create_ecosystem') ecosystem = body.ecosystem_uuid
    if (request.endpoint === 'status') {
      looked += 1
      const matrix_uuid = looked > looks ? ecosystem : null
      return Response.json({
        ecosystems: [{ uuid: ecosystem, matrix_uuid, fit_due: looked <= looks, fit_running: false }],
      })
    }
    if (request.endpoint === 'fetch_student_clues' && mostLikely !== undefined) {
      const lines = body.student_clue_requests as { student_uuid: string; book_container_uuid: string }[]
      return Response.json({
        student_clue_responses: lines.map((line) => ({
          clue_status: 'clue_ready',
          clue_data: { most_likely: mostLikely(line.student_uuid, line.book_container_uuid) },
        })),
      })
    }
    return await next()
  }
}

function options(fetch: typeof globalThis.fetch, changes: Partial<DemoOptions> = {}): DemoOptions {
  return { url: 'http://biglearn.test', students: 21, fetch, clock: instantClock(), ...changes }
}

/** Share of right answers of each student on each page before the held-out ones: a simple model of its own. */
function shareRightBefore(requests: readonly FakeRequest[]) {
  const tallies = new Map<string, { right: number; count: number }>()
  const pages = new Map<string, string[]>()
  for (const { endpoint, text } of requests) {
    if (endpoint === 'create_ecosystem') {
      for (const exercise of JSON.parse(text).exercises) {
        pages.set(
          exercise.exercise_uuid,
          exercise.los.map((tag: string) => tag.replace('cnxmod:', '')),
        )
      }
    }
    if (endpoint !== 'record_responses') continue
    for (const response of JSON.parse(text).responses) {
      for (const page of ['', ...(pages.get(response.exercise_uuid) ?? [])]) {
        const key = `${response.student_uuid}/${page}`
        const tally = tallies.get(key) ?? { right: 0, count: 0 }
        tallies.set(key, { right: tally.right + (response.is_correct ? 1 : 0), count: tally.count + 1 })
      }
    }
  }
  return (student: string, page: string) => {
    const general = tallies.get(`${student}/`)!
    const own = tallies.get(`${student}/${page}`) ?? { right: 0, count: 0 }
    return (own.right + (5 * general.right) / general.count) / (own.count + 5)
  }
}

test('a run sends a whole class in order and judges CLUEs against what happens then', async () => {
  const requests: FakeRequest[] = []
  const fake = createFakeServer({
    intercept: (request, next) => {
      requests.push(request)
      return intercept!(request, next)
    },
  })
  // Asked at the time of the CLUEs: exactly what the server has been sent by then.
  const intercept = learning({ looks: 3, mostLikely: (student, page) => shareRightBefore(requests)(student, page) })
  const report = await runDemo(options(fake.fetch))
  assert.equal(report.answers, 21 * 160)
  assert.equal(report.evaluation.kind, 'done')
  assert.ok(report.evaluation.kind === 'done')
  const { clueAuc, pageMeanAuc, answers, isSettled } = report.evaluation
  assert.equal(answers, 21 * 32)
  assert.equal(isSettled, true)
  // The page's mean does not know the student: shares of the student's own answers must predict better.
  assert.ok(clueAuc > pageMeanAuc + 0.02, `${clueAuc} against ${pageMeanAuc}`)
  assert.equal(report.openAssignments, 2)
  assert.match(renderReport(report), /CLUEs are better than page means/)
  const course = JSON.parse(requests.find(({ endpoint }) => endpoint === 'create_course')!.text).course_uuid
  const numbers = fake.storedNumbers('course', course)
  assert.deepEqual(
    numbers,
    Array.from({ length: numbers.length }, (_, number) => number),
  )
})

test('a second run sends the same events, stores nothing new, and does not judge what the server knows', async () => {
  const fake = createFakeServer({ intercept: learning({ looks: 0 })! })
  const first = await runDemo(options(fake.fetch))
  assert.equal(first.evaluation.kind, 'done')
  const writes = () =>
    fake.requests
      .filter(({ endpoint }) => !endpoint.startsWith('fetch_') && endpoint !== 'status')
      .map(({ text }) => text)
  const before = writes()
  const second = await runDemo(options(fake.fetch))
  assert.equal(second.evaluation.kind, 'skipped')
  assert.match(renderReport(second), /Prediction skipped: the server has these answers from an earlier run/)
  assert.deepEqual(writes().slice(before.length).sort(), before.sort())
})

test('a server that never learns makes the prediction impossible, and the rest is still sent', async () => {
  const fake = createFakeServer({ intercept: learning({ looks: 1e9 })! })
  const report = await runDemo(options(fake.fetch, { learnMsMax: 30_000 }))
  assert.deepEqual(report.evaluation, { kind: 'impossible', reason: 'the server has fitted no matrix in 30 s' })
  const sent = fake.requests.filter(({ endpoint }) => endpoint === 'record_responses')
  assert.equal(sent.flatMap(({ text }) => JSON.parse(text).responses).length, report.answers)
})

test('without the tokens to look at the model, the prediction is impossible at once', async () => {
  const fake = createFakeServer({ tokens: { sparfa: 'secret' } })
  const report = await runDemo(options(fake.fetch))
  assert.equal(report.evaluation.kind, 'impossible')
  assert.match(renderReport(report), /tokens given show neither the status nor the matrices/)
})

test('answers that are all right cannot be told apart', async (context: TestContext) => {
  const folder = await mkdtemp(join(tmpdir(), 'biglearn-demo-'))
  context.after(() => rm(folder, { recursive: true }))
  const answersPath = join(folder, 'right.csv')
  const rows = Array.from({ length: 40 }, (_, row) => `${row % 4},${row},${row % 3},1,${row}`)
  writeFileSync(answersPath, ['learner,question,concept,correct,order', ...rows].join('\n'))
  const fake = createFakeServer({ intercept: learning({ looks: 0 })! })
  const { evaluation } = await runDemo({ ...options(fake.fetch), answersPath })
  assert.deepEqual(evaluation, { kind: 'impossible', reason: 'the 8 held-out answers are not both right and wrong' })
})

test('a demo that failed inside a stage never ended, because the bar of the stage went on', async () => {
  for (const failing of ['record_responses', 'fetch_student_clues', 'fetch_practice_worst_areas_exercises']) {
    const model = learning({ looks: 0 })!
    const fake = createFakeServer({
      intercept: async (request, next) =>
        request.endpoint === failing ? Response.json({ errors: ['no'] }, { status: 400 }) : model(request, next),
    })
    const running = new Set<string>()
    let begun = 0
    const progress: Progress = {
      note: () => undefined,
      stage: (name) => {
        running.add(name)
        begun += 1
        return { advance: () => undefined, end: () => void running.delete(name) }
      },
    }
    await assert.rejects(runDemo(options(fake.fetch, { progress })), new RegExp(failing))
    assert.ok(begun > 0)
    assert.deepEqual([...running], [], failing)
  }
})

test('a server that cannot be reached is reported instead of waited for', async () => {
  const fetch = async () => {
    throw new TypeError('fetch failed')
  }
  await assert.rejects(runDemo(options(fetch)), /create_ecosystem gave up after \d+ attempts: fetch failed/)
})
