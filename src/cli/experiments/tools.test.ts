import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTime } from './tools.ts'

test('a time on 30 February is refused, not taken for one in March', () => {
  for (const text of ['2026-02-30T08:00:00Z', '2026-06-31T08:00Z', '2026-02-28', '2026-02-28T08:00']) {
    assert.throws(() => parseTime(text), /must be a time with its zone/, text)
  }
  assert.equal(parseTime('2026-02-28T08:00+02:00'), Date.UTC(2026, 1, 28, 6))
})
