import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TextBuffer } from './text-buffer.ts'

test('what does not fit is refused, never cut', () => {
  for (const write of [
    (target: TextBuffer) => target.ascii('abcd'),
    (target: TextBuffer) => target.utf8('aüb'),
    (target: TextBuffer) => target.hex('61626364'),
  ]) {
    const target = new TextBuffer(4)
    write(target)
    assert.equal(target.written().length, 4)
    assert.throws(() => write(new TextBuffer(3)), RangeError)
    assert.throws(() => write(target), RangeError)
  }
})
