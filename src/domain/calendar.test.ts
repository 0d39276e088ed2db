import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beginsWithDay } from './calendar.ts'

test('30 February, 29 February of a common year and the 31st of a short month are no days', () => {
  for (const day of [
    '2026-02-30',
    '2026-02-29',
    '1900-02-29',
    '2026-04-31',
    '2026-00-10',
    '2026-13-01',
    '2026-01-32',
  ]) {
    assert.equal(beginsWithDay(`${day}T10:00:00Z`), false, day)
  }
  for (const day of ['2026-02-28', '2024-02-29', '2000-02-29', '2026-12-31', '0099-01-01']) {
    assert.equal(beginsWithDay(`${day}T10:00:00+02:00`), true, day)
  }
  assert.equal(beginsWithDay('tomorrow'), false)
})

test('every day that a date can show is one', () => {
  for (let day = Date.UTC(1999, 11, 1); day < Date.UTC(2005, 0, 2); day += 86_400_000) {
    assert.ok(beginsWithDay(new Date(day).toISOString()))
  }
})
