import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { AnswersFileError, readAnswersFile } from './answers-file.ts'
import type { Study } from './study.ts'

const header = 'learner,question,concept,correct,order'

function read(
  context: TestContext,
  content: string | Buffer,
  name = 'answers.csv',
  studentsMax?: number,
): Promise<Study> {
  const folder = mkdtempSync(join(tmpdir(), 'biglearn-answers-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, name)
  writeFileSync(path, content)
  return readAnswersFile({ path, studentsMax })
}

const rows = [header, '7,30,5;2,1,1', '7,31,2,0,0', '9,30,5;2,0,0', '8,32,6,1,0', ''].join('\n')

test('rows become learners, questions and pages, answers in their order', async (context) => {
  const study = await read(context, rows)
  assert.deepEqual(study.questions, [
    { label: 30, pages: [0, 1] },
    { label: 31, pages: [1] },
    { label: 32, pages: [2] },
  ])
  assert.equal(study.pageCount, 3)
  assert.deepEqual(study.learners, [
    {
      label: 7,
      answers: [
        { question: 1, isCorrect: false },
        { question: 0, isCorrect: true },
      ],
    },
    { label: 9, answers: [{ question: 0, isCorrect: false }] },
    { label: 8, answers: [{ question: 2, isCorrect: true }] },
  ])
})

test('gzip, a byte order mark and other column orders are understood', async (context) => {
  const plain = await read(context, rows)
  const zipped = await read(context, gzipSync(rows), 'answers.csv.gz')
  assert.deepEqual(zipped.learners, plain.learners)
  const reordered = await read(context, '\ufefforder,correct,concept,question,learner\n0,1,4,3,2\n')
  assert.deepEqual(reordered.learners, [{ label: 2, answers: [{ question: 0, isCorrect: true }] }])
})

test('only the first learners are taken when asked, and only their questions', async (context) => {
  const study = await read(context, rows, 'answers.csv', 2)
  assert.deepEqual(
    study.learners.map(({ label }) => label),
    [7, 9],
  )
  assert.deepEqual(
    study.questions.map(({ label }) => label),
    [30, 31],
  )
})

test('the same content has the same fingerprint, other content another one', async (context) => {
  const [one, same, other] = [
    await read(context, rows),
    await read(context, rows),
    await read(context, `${rows}1,1,1,1,1\n`),
  ]
  assert.equal(one.fingerprint, same.fingerprint)
  assert.notEqual(one.fingerprint, other.fingerprint)
})

const mistakes: [string, string, RegExp][] = [
  [
    'a missing column',
    'learner,question,concept,correct\n1,2,3,1\n',
    /answers\.csv: line 1: column "order" is missing/,
  ],
  ['a learner that is no number', `${header}\n1,2,3,1,0\nx,2,3,1,0\n`, /answers\.csv: line 3, column "learner": "x"/],
  ['a question below zero', `${header}\n1,-2,3,1,0\n`, /line 2, column "question": "-2"/],
  ['a concept list that is none', `${header}\n1,2,3;,1,0\n`, /line 2, column "concept": "3;"/],
  ['an empty concept', `${header}\n1,2,,1,0\n`, /line 2, column "concept": ""/],
  ['a verdict that is neither', `${header}\n1,2,3,yes,0\n`, /line 2, column "correct": "yes" is neither 0 nor 1/],
  ['an order with a fraction', `${header}\n1,2,3,1,0.5\n`, /line 2, column "order": "0.5"/],
  [
    'two concept lists of a question',
    `${header}\n1,2,3,1,0\n4,2,3;5,1,0\n`,
    /line 3, column "concept": "3;5" differs from "3"/,
  ],
  ['a row that is too short', `${header}\n1,2,3,1,0\n1,2,3\n`, /answers\.csv: .*line 3/],
  ['no rows', `${header}\n`, /answers\.csv: no answers/],
  ['an empty file', '', /answers\.csv: no answers/],
]
for (const [name, content, message] of mistakes) {
  test(`${name} is told with its place`, async (context) => {
    await assert.rejects(read(context, content), (error: unknown) => {
      assert.ok(error instanceof AnswersFileError, String(error))
      assert.match(error.message, message)
      return true
    })
  })
}

test('a file that is missing, cut or not gzip is an error that names it', async (context) => {
  await assert.rejects(
    readAnswersFile({ path: '/nowhere/answers.csv', studentsMax: undefined }),
    /\/nowhere\/answers\.csv/,
  )
  await assert.rejects(read(context, rows, 'plain.csv.gz'), /plain\.csv\.gz: cannot be read: incorrect header/)
  await assert.rejects(read(context, gzipSync(rows).subarray(0, 40), 'cut.csv.gz'), /cut\.csv\.gz: cannot be read/)
})
