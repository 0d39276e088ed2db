import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatAge,
  formatBookName,
  formatInterval,
  formatMs,
  formatOrdinal,
  formatRange,
  formatRate,
  formatShare,
  plural,
} from './format.ts'

test('ages show their two largest units and never a negative number', () => {
  const ages = [-5, 0, 59_999, 60_000, 192_000, 3_600_000, 90_061_000]
  assert.deepEqual(ages.map(formatAge), ['0 s', '0 s', '59 s', '1 min 0 s', '3 min 12 s', '1 h 0 min', '1 d 1 h'])
})

test('rates below ten keep a digit', () => {
  assert.deepEqual([0, 0.25, 9.96, 10, 3123.4].map(formatRate), ['0', '0.3', '10.0', '10', '3,123'])
})

test('milliseconds turn into seconds, absence into a dash', () => {
  assert.deepEqual([null, 41.2, 999, 1_500, 192_000].map(formatMs), ['–', '41 ms', '999 ms', '1.5 s', '3 min 12 s'])
})

test('shares, ranges, plurals and names', () => {
  assert.equal(formatShare(0.615), '62 %')
  assert.equal(formatInterval(0.482, 0.741), '48–74 %')
  assert.equal(formatInterval(0.6375, 0.6441), '63.7–64.4 %')
  assert.equal(formatRange(7, 7), '7')
  assert.equal(formatRange(1_000, 1_002), '1,000–1,002')
  assert.deepEqual([1, 2, 3, 4, 11, 12, 21, 102].map(formatOrdinal).join(' '), '1st 2nd 3rd 4th 11th 12th 21st 102nd')
  assert.equal(plural(1, 'gap', 'gaps'), '1 gap')
  assert.equal(plural(2, 'gap', 'gaps'), '2 gaps')
  assert.equal(formatBookName({ kind: 'page', number: '2.3' }), 'Page 2.3')
  assert.equal(formatBookName({ kind: 'book', number: '' }), 'Whole book')
})
