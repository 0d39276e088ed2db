import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import type { StoredEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { Log } from '#log/log.ts'
import { SecondCopyFinder } from './second-copies.ts'
import { entryOf, TestStream, uuidOf } from './test-course.ts'

class MemoryLog implements Pick<Log, 'readStream'> {
  readonly events = new Map<Uuid, StoredEvent[]>()
  reads = 0

  append(course: Uuid, ...uuids: readonly Uuid[]): StoredEvent[] {
    const stored = this.events.get(course) ?? []
    const stream = new TestStream(course)
    for (const [index] of [...stored, ...uuids].entries()) {
      stream.write('no_op', {}, stored[index]?.eventUuid ?? uuids[index - stored.length]!)
    }
    const all = stream.take()
    this.events.set(course, all)
    return all.slice(stored.length)
  }

  readStream(_kind: string, stream: Uuid, { from, eventsMax }: { from: number; eventsMax: number }) {
    this.reads += 1
    return Promise.resolve((this.events.get(stream) ?? []).slice(from, from + eventsMax))
  }
}

function watch(slotsMax?: number) {
  const log = new MemoryLog()
  const found: [Uuid, number][] = []
  const onSecondCopy = (stream: Uuid, number: number): void => void found.push([stream, number])
  const finder = new SecondCopyFinder(log, slotsMax === undefined ? { onSecondCopy } : { onSecondCopy, slotsMax })
  const record = async (course: Uuid, ...uuids: readonly Uuid[]): Promise<void> => {
    finder.note([entryOf(log.append(course, ...uuids))])
    await finder.idle()
  }
  return { log, found, finder, record }
}

const fresh = (count: number): Uuid[] => Array.from({ length: count }, () => toUuid(randomUUID()))
const course = uuidOf(1, 1)

test('a copy is found however far back the first one is, once, and reading the course happens once', async () => {
  const { log, found, record } = watch()
  const uuids = fresh(2500)
  await record(course, ...uuids)
  const reads = log.reads
  for (const uuid of fresh(50)) await record(course, uuid)
  assert.equal(log.reads, reads)
  await record(course, fresh(1)[0]!, uuids[3]!, fresh(1)[0]!, uuids[2400]!)
  await record(course, ...fresh(3))
  assert.deepEqual(found, [
    [course, 2551],
    [course, 2553],
  ])
})

test('copies from before the start are found when the course is next heard of, third copies too', async () => {
  const { log, found, record } = watch()
  const [one, two, three] = fresh(3)
  log.append(course, one!, two!, one!, two!, one!)
  await record(course, three!)
  assert.deepEqual(
    found.map(([, number]) => number),
    [2, 3, 4],
  )
})

test('the same uuid in another course is none of our business (design D4)', async () => {
  const { found, record } = watch()
  const [uuid] = fresh(1)
  await record(course, uuid!)
  await record(uuidOf(1, 2), uuid!)
  assert.deepEqual(found, [])
})

test('uuids that differ in one digit only are told apart', async () => {
  const { log, found, record } = watch()
  await record(course, ...Array.from({ length: 3000 }, (_, n) => uuidOf(7, n)))
  assert.deepEqual(found, [])
  assert.ok(log.reads < 10, `${log.reads} reads: the hash makes suspects of different uuids`)
})

test('released parts are forgotten and read again when they come back', async () => {
  const { log, found, finder, record } = watch()
  const uuids = fresh(5)
  await record(course, ...uuids)
  finder.drop([partOf('course', course)])
  const reads = log.reads
  await record(course, uuids[0]!)
  assert.ok(log.reads > reads)
  assert.deepEqual(found, [[course, 5]])
})

test('a course that does not fit is left out instead of being read for ever', async () => {
  const { log, record } = watch(128)
  await record(course, ...fresh(500))
  const reads = log.reads
  for (const uuid of fresh(20)) await record(course, uuid)
  assert.equal(log.reads, reads)
})
