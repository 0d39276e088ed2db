import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type SharedReads, shareReads } from './shared-reads.ts'

interface Bench {
  readonly reads: SharedReads
  readonly counts: { loads: number }
  advance(ms: number): void
  load(): Promise<unknown>
}

/** Each load takes `tookMs` of a clock that only the test moves. */
function bench(tookMs: number): Bench {
  let now = 0
  const counts = { loads: 0 }
  return {
    reads: shareReads({ now: () => now, ageMsMin: 200, entriesMax: 2 }),
    counts,
    advance(ms) {
      now += ms
    },
    async load() {
      counts.loads++
      now += tookMs
      return { load: counts.loads }
    },
  }
}

test('one load serves everybody who asks while it runs and while it is fresh', async () => {
  const { reads, counts, advance, load } = bench(1)
  const answers = await Promise.all([reads.read('a', load), reads.read('a', load), reads.read('a', load)])
  assert.equal(counts.loads, 1)
  assert.deepEqual(new Set(answers.map((answer) => answer?.body)), new Set(['{"load":1}']))
  advance(199)
  await reads.read('a', load)
  assert.equal(counts.loads, 1)
  advance(1)
  assert.equal((await reads.read('a', load))?.body, '{"load":2}')
})

test('a slow view is loaded for a quarter of the time at most, and shown again after five seconds', async () => {
  const slow = bench(100)
  await slow.reads.read('a', slow.load)
  slow.advance(299)
  await slow.reads.read('a', slow.load)
  assert.equal(slow.counts.loads, 1)
  slow.advance(1)
  await slow.reads.read('a', slow.load)
  assert.equal(slow.counts.loads, 2)

  const slower = bench(60_000)
  await slower.reads.read('a', slower.load)
  slower.advance(5_000)
  await slower.reads.read('a', slower.load)
  assert.equal(slower.counts.loads, 2)
})

test('equal views have equal tags, other views other tags', async () => {
  const { reads } = bench(0)
  const tag = async (key: string, value: unknown): Promise<string | undefined> =>
    (await reads.read(key, async () => value))?.etag
  assert.equal(await tag('a', { x: 1 }), await tag('b', { x: 1 }))
  assert.notEqual(await tag('c', { x: 1 }), await tag('d', { x: 2 }))
})

test('neither absence nor failure is kept', async () => {
  const { reads } = bench(0)
  assert.equal(await reads.read('a', async () => undefined), undefined)
  await assert.rejects(
    reads.read('a', async () => {
      throw new Error('database gone')
    }),
    /database gone/,
  )
  assert.equal((await reads.read('a', async () => 7))?.body, '7')
})
