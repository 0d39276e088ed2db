import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { ConfigurationError } from '#platform/config.ts'
import { readStorageSettings } from './options.ts'

test('the storage settings are read, and nothing has to be set', () => {
  assert.deepEqual(readStorageSettings({}), { folder: undefined, checkMs: 5000 })
  const settings = { BIGLEARN_STORAGE_FOLDER: tmpdir(), BIGLEARN_STORAGE_CHECK_MS: '100' }
  assert.deepEqual(readStorageSettings(settings), { folder: tmpdir(), checkMs: 100 })
})

test('a typing error in BIGLEARN_STORAGE_FOLDER switched the guard off', () => {
  assert.throws(
    () => readStorageSettings({ BIGLEARN_STORAGE_FOLDER: `${tmpdir()}/no-such-folder` }),
    (error) => {
      assert.ok(error instanceof ConfigurationError)
      assert.match(error.message, /no-such-folder, whose volume can not be looked at \(ENOENT\)/)
      return true
    },
  )
})

test('BIGLEARN_STORAGE_CHECK_MS=0 looked at the volume every millisecond', () => {
  for (const text of ['0', '99', '1.5', 'often']) {
    assert.throws(() => readStorageSettings({ BIGLEARN_STORAGE_CHECK_MS: text }), ConfigurationError, text)
  }
})
