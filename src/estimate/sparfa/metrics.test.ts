import assert from 'node:assert/strict'
import { test } from 'node:test'
import { meanMetrics, measure } from './metrics.ts'

test('metrics of a small example, by hand', () => {
  const metrics = measure(Float64Array.of(0.9, 0.6, 0.6, 0.2), Uint8Array.of(1, 0, 1, 0))
  assert.equal(metrics.rows, 4)
  assert.equal(metrics.accuracy, 0.75)
  // Of the four (right, wrong) pairs three are in order and one is a tie.
  assert.equal(metrics.auc, 3.5 / 4)
  const logLoss = -(Math.log(0.9) + Math.log(0.4) + Math.log(0.6) + Math.log(0.8)) / 4
  assert.ok(Math.abs(metrics.logLoss - logLoss) < 1e-12)
  assert.ok(Math.abs(metrics.brier - (0.01 + 0.36 + 0.16 + 0.04) / 4) < 1e-12)
  assert.ok(Math.abs(metrics.calibrationError - (0.1 + 0.2 + 0.2) / 4) < 1e-12)
})

test('certain predictions that are wrong have a finite log-loss, one kind of answers has no AUC', () => {
  const metrics = measure(Float64Array.of(0, 1), Uint8Array.of(1, 1))
  assert.ok(metrics.logLoss > 10 && Number.isFinite(metrics.logLoss))
  assert.ok(Number.isNaN(metrics.auc))
})

test('means over seeds', () => {
  const one = measure(Float64Array.of(0.9, 0.1), Uint8Array.of(1, 0))
  const other = measure(Float64Array.of(0.1, 0.9), Uint8Array.of(1, 0))
  assert.deepEqual([meanMetrics([one, other]).auc, meanMetrics([one, other]).accuracy], [0.5, 0.5])
})
