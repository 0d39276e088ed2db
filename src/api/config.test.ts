import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigurationError } from '#platform/config.ts'
import { readApiSettings } from './config.ts'

test('without variables the defaults hold', () => {
  assert.deepEqual(readApiSettings({}), { strict: false, bodyBytesMax: 67_108_864, pathPrefix: '' })
})

test('each variable is read, and refused with advice when it can not work', () => {
  const settings = readApiSettings({
    BIGLEARN_STRICT: '1',
    BIGLEARN_BODY_BYTES_MAX: '2048',
    BIGLEARN_PATH_PREFIX: '/biglearn/v1',
  })
  assert.deepEqual(settings, { strict: true, bodyBytesMax: 2048, pathPrefix: '/biglearn/v1' })
  for (const wrong of [
    { BIGLEARN_STRICT: 'yes' },
    { BIGLEARN_BODY_BYTES_MAX: '64MB' },
    { BIGLEARN_BODY_BYTES_MAX: '1e12' },
    { BIGLEARN_PATH_PREFIX: '/a b' },
  ]) {
    assert.throws(() => readApiSettings(wrong), ConfigurationError, JSON.stringify(wrong))
  }
})
