import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pathNormaliser } from './paths.ts'

const wire = new Set(['/record_responses'])

test('only wire paths are rewritten', () => {
  const normalise = pathNormaliser(wire, '')
  assert.equal(normalise('//record_responses/?a=b&c'), '/record_responses?a=b&c')
  for (const other of ['/', '', '*', '/openapi.json', '//console//app.js', '/record_responses/x']) {
    assert.equal(normalise(other), other)
  }
})

test('the prefix is optional, and may be written with or without slashes', () => {
  for (const prefix of ['/api/v1', 'api/v1/', '//api//v1']) {
    const normalise = pathNormaliser(wire, prefix)
    assert.equal(normalise('/api/v1/record_responses'), '/record_responses')
    assert.equal(normalise('/record_responses'), '/record_responses')
    assert.equal(normalise('/api/v10/record_responses'), '/api/v10/record_responses')
  }
})
