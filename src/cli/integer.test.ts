import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidArgumentError } from 'commander'
import { integerFrom } from './integer.ts'

test('whole numbers of the range, in digits', () => {
  const parse = integerFrom(1, 64)
  assert.deepEqual(['1', '064', '7'].map(parse), [1, 64, 7])
  for (const text of ['0', '65', '-1', '1.5', '1e1', 'one', ' 1', '99999999999999999999']) {
    assert.throws(() => parse(text), InvalidArgumentError, text)
  }
})

test('an empty or hexadecimal port was taken for a number', () => {
  const parsePort = integerFrom(0, 65_535)
  for (const text of ['', '0x50']) assert.throws(() => parsePort(text), /from 0 to 65535/, text)
})
