import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecentEvents } from './recent-events.ts'
import { uuidOf } from './test-course.ts'

test('bug: memory grew with every course, because growing was not counted', () => {
  const recent = new RecentEvents(10_000)
  // Each course grows again and again, as those of a term do: 200,000 events in all.
  for (let round = 0; round < 50; round += 1) {
    for (let course = 0; course < 200; course += 1) {
      for (let n = 20 * round; n < 20 * (round + 1); n += 1) {
        assert.equal(recent.add(uuidOf(1, course), uuidOf(2, 1000 * course + n), n), undefined)
      }
    }
  }
  assert.ok(recent.bytes <= 2 * 12 * 16_384, `${recent.bytes} bytes`)
})

test('the newest events are known under their lowest number, those before two generations no more', () => {
  const recent = new RecentEvents(100)
  const course = uuidOf(1, 1)
  for (let n = 0; n < 250; n += 1) recent.add(course, uuidOf(2, n), n)
  assert.equal(recent.add(course, uuidOf(2, 50), 300), undefined)
  assert.equal(recent.add(course, uuidOf(2, 150), 301), 150)
  assert.equal(recent.add(course, uuidOf(2, 150), 302), 150)
  assert.equal(recent.add(course, uuidOf(2, 150), 150), undefined, 'delivered again')
  assert.equal(recent.add(course, uuidOf(2, 240), 10), 240, 'an earlier one that was read later')
  assert.equal(recent.add(course, uuidOf(2, 240), 303), 10)
  assert.equal(recent.add(uuidOf(1, 2), uuidOf(2, 240), 303), undefined, 'another course')
})
