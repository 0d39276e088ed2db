import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyOf, sliceItems } from './slices.ts'

test('slices hold at most so many items, in order', () => {
  const slices = sliceItems(['1', '2', '3', '4', '5'], { itemsMax: 2, bytesMax: 1000 })
  assert.deepEqual(slices, [['1', '2'], ['3', '4'], ['5']])
})

test('slices hold at most so many bytes of UTF-8, separators included', () => {
  assert.deepEqual(sliceItems(['"ab"', '"cd"', '"ef"'], { itemsMax: 9, bytesMax: 10 }), [['"ab"', '"cd"'], ['"ef"']])
  assert.deepEqual(sliceItems(['"éé"', '"éé"'], { itemsMax: 9, bytesMax: 10 }), [['"éé"'], ['"éé"']])
})

test('an item beyond the byte limit travels alone instead of being lost', () => {
  const large = JSON.stringify('x'.repeat(50))
  assert.deepEqual(sliceItems(['1', large, '2'], { itemsMax: 9, bytesMax: 20 }), [['1'], [large], ['2']])
})

test('nothing makes no request', () => {
  assert.deepEqual(sliceItems([], { itemsMax: 9, bytesMax: 20 }), [])
})

test('a body joins items that are JSON already', () => {
  assert.deepEqual(JSON.parse(bodyOf('items', ['{"a":1}', '"b"'])), { items: [{ a: 1 }, 'b'] })
})
