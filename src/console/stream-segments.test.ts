import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countOf, streamSegments } from './stream-segments.ts'

test('a stream without gaps is one delivered range, an empty one is nothing', () => {
  assert.deepEqual(streamSegments({ nextSequenceNumber: 7, contiguousSequenceNumber: 7, gaps: [] }), [
    { kind: 'delivered', from: 0, to: 7 },
  ])
  assert.deepEqual(streamSegments({ nextSequenceNumber: 0, contiguousSequenceNumber: 0, gaps: [] }), [])
})

test('what stands between and behind gaps waits', () => {
  const gaps = [
    { from: 3, to: 3 },
    { from: 6, to: 8 },
  ]
  const segments = streamSegments({ nextSequenceNumber: 12, contiguousSequenceNumber: 3, gaps })
  assert.deepEqual(segments, [
    { kind: 'delivered', from: 0, to: 3 },
    { kind: 'missing', from: 3, to: 4 },
    { kind: 'waiting', from: 4, to: 6 },
    { kind: 'missing', from: 6, to: 9 },
    { kind: 'waiting', from: 9, to: 12 },
  ])
  assert.deepEqual([countOf(segments, 'missing'), countOf(segments, 'waiting')], [4, 5])
})

test('a missing first event leaves nothing delivered', () => {
  const segments = streamSegments({
    nextSequenceNumber: 2,
    contiguousSequenceNumber: 0,
    gaps: [{ from: 0, to: 0 }],
  })
  assert.deepEqual(
    segments.map((segment) => segment.kind),
    ['missing', 'waiting'],
  )
})
