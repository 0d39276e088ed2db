import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fitMatrix } from '#estimate/sparfa/fit.ts'
import { storeMatrix } from '#estimate/sparfa/matrix.ts'
import { type AnswersData, readAnswersData, wholeInput } from './data-set.ts'
import { header, plantedAnswers, plantedRows } from './test-answers.ts'

async function read(context: TestContext, rows: readonly string[]): Promise<AnswersData> {
  const folder = mkdtempSync(join(tmpdir(), 'biglearn-sparfa-'))
  context.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'answers.csv')
  writeFileSync(path, [header, ...rows, ''].join('\n'))
  return readAnswersData(path)
}

test('a file that counts from 0 without holes keeps its numbers', async (context) => {
  const { data, learnerLabels, questionLabels, conceptLabels } = await read(context, plantedRows())
  const { input } = plantedAnswers
  assert.deepEqual(learnerLabels, [...learnerLabels.keys()])
  assert.deepEqual(questionLabels, [...questionLabels.keys()])
  assert.deepEqual(conceptLabels, [0, 1, 2, 3])
  assert.deepEqual(data.hints, input.hints)
  const given = Array.from(input.responses.learner, (who, row) => `${who} ${input.responses.question[row]}`)
  const { start, question, learnerCount } = data.responses
  const found = Array.from({ length: learnerCount }, (_, who) =>
    [...question.subarray(start[who]!, start[who + 1]!)].map((asked) => `${who} ${asked}`),
  ).flat()
  assert.deepEqual(found.sort(), given.sort())
})

test('the order of the rows does not matter, to the last bit of the matrix', async (context) => {
  const one = await read(context, plantedRows())
  const other = await read(context, plantedRows().reverse())
  assert.deepEqual(other, one)
  const [fitted, again] = [one, other].map((answers) =>
    storeMatrix(fitMatrix(wholeInput(answers), { preset: 'hard', seed: 1 })),
  )
  assert.deepEqual(again, fitted)
})

test('numbers with holes are ranked, and come back in the uuids', async (context) => {
  const answers = await read(context, ['900,300,70;20,1,5', '100,300,70;20,0,5', '900,16,20,0,9', '900,300,70;20,0,8'])
  assert.deepEqual(
    [answers.learnerLabels, answers.questionLabels, answers.conceptLabels],
    [
      [100, 900],
      [16, 300],
      [20, 70],
    ],
  )
  const { responses, hints } = answers.data
  assert.deepEqual(
    [[...responses.question], [...responses.isCorrect]],
    [
      [1, 0, 1],
      [0, 0, 1],
    ],
  )
  assert.deepEqual(
    [[...hints.start], [...hints.concept]],
    [
      [0, 1, 3],
      [0, 0, 1],
    ],
  )
  assert.deepEqual(
    wholeInput(answers).questionIds.map((id) => Number.parseInt(id.slice(-12), 16)),
    [16, 300],
  )
})
