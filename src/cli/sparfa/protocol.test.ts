import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { type DataSet, type Split, split, taskOf } from '#estimate/sparfa/evaluate.ts'
import type { SparfaMatrix } from '#estimate/sparfa/matrix.ts'
import { readAnswersData } from './data-set.ts'
import {
  affordableModels,
  baselineModels,
  meansOf,
  type Row,
  randomSplits,
  runProtocol,
  type Seen,
} from './protocol.ts'
import { header, plantedRows } from './test-answers.ts'

let data: DataSet
before(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'biglearn-sparfa-'))
  const path = join(folder, 'planted.csv')
  writeFileSync(path, [header, ...plantedRows()].join('\n'))
  data = (await readAnswersData(path)).data
  rmSync(folder, { recursive: true })
})

const auto = [{ name: 'auto', preset: 'auto' }] as const

function clockOf(stepMs: number): () => number {
  let now = 0
  return () => (now += stepMs)
}

/** The outcomes of the test part, or of the training part, in reverse. */
function withOutcomesMoved(how: Split, part: 'test' | 'training'): DataSet {
  const { start, question, learnerCount } = data.responses
  const { test: held } = split(data, how)
  const rows: number[] = []
  for (let learner = 0; learner < learnerCount; learner++) {
    const asked = new Set(held.question.subarray(held.start[learner]!, held.start[learner + 1]!))
    for (let row = start[learner]!; row < start[learner + 1]!; row++) {
      if (asked.has(question[row]!) === (part === 'test')) rows.push(row)
    }
  }
  const isCorrect = data.responses.isCorrect.slice()
  rows.forEach((row, at) => {
    isCorrect[row] = data.responses.isCorrect[rows[rows.length - 1 - at]!]!
  })
  return { ...data, responses: { ...data.responses, isCorrect } }
}

function follow(from: DataSet, how: Split): { seen: Seen; row: Row } {
  let seen: Seen | undefined
  const [row] = runProtocol(from, {
    models: auto,
    splits: [how],
    nowMs: clockOf(1),
    seen: (one) => {
      seen = one
    },
  })
  assert.ok(seen !== undefined && row !== undefined)
  return { seen, row }
}

const learnt = ({ weights, easiness, madeBy }: SparfaMatrix) => ({ weights, easiness, madeBy })

for (const how of [{ kind: 'random', seed: 1 }, { kind: 'future' }] as const) {
  test(`outcomes kept out reach the measures alone (${how.kind} split)`, () => {
    const before = follow(data, how)
    const after = follow(withOutcomesMoved(how, 'test'), how)
    assert.deepEqual(learnt(after.seen.matrix), learnt(before.seen.matrix))
    assert.deepEqual(after.seen.epochs, before.seen.epochs, 'every fit that auto compared')
    assert.deepEqual(after.seen.probability, before.seen.probability)
    assert.ok(Math.abs(after.row.metrics.logLoss - before.row.metrics.logLoss) > 0.01)
    const other = follow(withOutcomesMoved(how, 'training'), how)
    assert.notDeepEqual(other.seen.matrix.easiness, before.seen.matrix.easiness)
  })
}

test('what a model is given, baselines too, is the same whatever the outcomes kept out', () => {
  for (const how of [{ kind: 'random', seed: 2 }, { kind: 'future' }] as const) {
    const task = taskOf(split(data, how))
    assert.deepEqual(taskOf(split(withOutcomesMoved(how, 'test'), how)), task)
    assert.notDeepEqual(taskOf(split(withOutcomesMoved(how, 'training'), how)), task)
    assert.ok(!('isCorrect' in task.test))
  }
})

test('each model runs on each split, is timed, and SPARFA beats the baselines on planted concepts', () => {
  const hard = { name: 'hard', preset: 'hard' } as const
  const rows = runProtocol(data, {
    models: [hard, ...baselineModels],
    splits: [...randomSplits([1, 2]), { kind: 'future' }],
    nowMs: clockOf(500),
  })
  assert.deepEqual(
    rows.map(({ split: kind, seed, model }) => `${kind} ${seed} ${model}`),
    ['random 1', 'random 2', 'future undefined'].flatMap((how) =>
      ['hard', '1PL', '2PL', 'best-LR'].map((model) => `${how} ${model}`),
    ),
  )
  assert.ok(rows.every(({ seconds }) => seconds === 0.5))
  const means = meansOf(rows)
  assert.deepEqual(
    means.map(({ split: kind, seed, model }) => `${kind} ${seed} ${model}`),
    ['hard', '1PL', '2PL', 'best-LR'].map((model) => `random mean ${model}`),
  )
  const [first, second] = rows.filter(({ model, split: kind }) => model === 'hard' && kind === 'random')
  assert.equal(means[0]!.metrics.logLoss, (first!.metrics.logLoss + second!.metrics.logLoss) / 2)
  assert.ok(means.slice(1).every(({ metrics }) => metrics.logLoss > means[0]!.metrics.logLoss))
})

test('soft masks are compared only where they are affordable', () => {
  const names = (conceptCount: number): string[] => affordableModels({ ...data, conceptCount }).map(({ name }) => name)
  assert.deepEqual(names(4), ['hard', 'soft', 'soft-strict', 'auto'])
  assert.deepEqual(names(1_000_000), ['hard', 'auto'])
})
