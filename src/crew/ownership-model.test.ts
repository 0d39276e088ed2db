import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore, type Limits, ourRules, type Rules } from './ownership-model.ts'

/* Scenario 58: every interleaving of a small model; and what each mechanism is for. */
const two: Limits = { workers: 2, events: 2, grantsMax: 3, hasFailover: false }
const failover: Limits = { workers: 2, events: 2, grantsMax: 2, hasFailover: true }

function violated(rules: Partial<Rules>, limits: Limits): string {
  return explore({ ...ourRules, ...rules }, limits).violation?.what ?? 'nothing'
}

test('[S58] our rules hold in every interleaving of two workers, with kills, pauses and lost answers', () => {
  const result = explore(ourRules, { ...two, events: 3 })
  assert.equal(result.violation, undefined)
  assert.ok(result.canFinish)
  assert.ok(result.worlds > 1000)
})

test('… of three workers', () => {
  const result = explore(ourRules, { ...two, workers: 3 })
  assert.equal(result.violation, undefined)
  assert.ok(result.canFinish)
})

test('… and with a failover that loses commits', () => {
  const result = explore(ourRules, failover)
  assert.equal(result.violation, undefined)
  assert.ok(result.canFinish)
})

test('a lease alone does not do', () => {
  assert.notEqual(violated({ proof: 'lease' }, two), 'nothing')
})

test('a token checked without holding the lock does not do', () => {
  assert.notEqual(violated({ locks: false }, two), 'nothing')
})

test('without a proof nothing holds', () => {
  assert.notEqual(violated({ proof: 'none', checksPosition: false }, two), 'nothing')
})

test('without the position check a commit whose answer was lost takes effect twice', () => {
  assert.match(violated({ checksPosition: false }, two), /S7|S4/)
})

test('after a failover that loses commits a batch read before it must not take effect', () => {
  assert.match(violated({ keepsSession: false }, failover), /took effect as/)
})

test('after a failover that loses commits an epoch may come again, a token never', () => {
  assert.notEqual(violated({ proof: 'epoch' }, failover), 'nothing')
})
