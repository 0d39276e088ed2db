import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Row } from './protocol.ts'
import { renderTable, toJsonLine } from './report.ts'

const metrics = { rows: 200, accuracy: 0.75, auc: 0.8, logLoss: 0.5, brier: 0.16, calibrationError: 0.02 }
const row: Row = { model: 'auto', split: 'random', seed: 1, metrics, seconds: 1.26 }

test('the table is aligned, whatever the length of names', () => {
  const lines = renderTable([row, { ...row, model: 'soft-strict', split: 'future', seed: undefined }])
    .trimEnd()
    .split('\n')
  assert.equal(new Set(lines.map((line) => line.length)).size, 1)
  assert.match(lines[0]!, /^split +seed +model +rows +accuracy +AUC +log-loss +Brier +ECE +seconds$/)
  assert.match(lines[1]!, /^random +1 +auto +200 +0\.7500 +0\.8000 +0\.5000 +0\.1600 +0\.0200 +1\.3$/)
  assert.match(lines[2]!, /^future +- +soft-strict /)
})

test('what cannot be measured is a dash', () => {
  const text = renderTable([{ ...row, metrics: { ...metrics, auc: Number.NaN } }])
  assert.match(text, / 0\.7500 +- +0\.5000 /)
})

test('a line of JSON has the names of the protocol, and null for what does not exist', () => {
  assert.deepEqual(JSON.parse(toJsonLine(row)), {
    model: 'auto',
    split: 'random',
    seed: 1,
    rows: 200,
    accuracy: 0.75,
    auc: 0.8,
    log_loss: 0.5,
    brier: 0.16,
    calibration_error: 0.02,
    seconds: 1.26,
  })
  const alike = JSON.parse(toJsonLine({ ...row, seed: undefined, metrics: { ...metrics, auc: Number.NaN } }))
  assert.deepEqual([alike.seed, alike.auc], [null, null])
})
