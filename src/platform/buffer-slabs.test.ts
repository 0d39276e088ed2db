import assert from 'node:assert/strict'
import { test } from 'node:test'
import { useSmallSlabs } from './buffer-slabs.ts'

test('a small buffer that is kept holds no more than 8 KiB', () => {
  useSmallSlabs()
  const began = Buffer.allocUnsafe(1000).buffer
  // The slab that was begun is used up first.
  while (Buffer.allocUnsafe(1000).buffer === began);
  assert.ok(Buffer.allocUnsafe(100).buffer.byteLength <= 8192)
})
