import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { eventWith, type StoredEvent, type StreamKind } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { OpenedLog, ReadStreamOptions } from '#log/log.ts'
import { SecondCopyFinder } from './second-copies.ts'
import { entryOf, TestStream, uuidOf } from './test-course.ts'

/** Says which numbers it was asked to replace, and replaces those that are copies. */
class MemoryLog implements Pick<OpenedLog, 'readStream' | 'replaceSecondCopy'> {
  readonly events = new Map<Uuid, StoredEvent[]>()
  readonly asked: number[] = []
  reads = 0
  highestRead = -1

  append(course: Uuid, ...uuids: readonly Uuid[]): StoredEvent[] {
    const stored = this.events.get(course) ?? []
    const stream = new TestStream(course)
    for (const uuid of [...stored.map(({ eventUuid }) => eventUuid), ...uuids]) stream.write('no_op', {}, uuid)
    const all = stream.take()
    this.events.set(course, all)
    return all.slice(stored.length)
  }

  readStream(_kind: StreamKind, stream: Uuid, { from, eventsMax }: ReadStreamOptions): Promise<StoredEvent[]> {
    this.reads += 1
    const events = (this.events.get(stream) ?? []).slice(from, from + eventsMax)
    this.highestRead = Math.max(this.highestRead, events.at(-1)?.number ?? -1)
    return Promise.resolve(events)
  }

  replaceSecondCopy(_kind: StreamKind, stream: Uuid, number: number): Promise<boolean> {
    this.asked.push(number)
    const events = this.events.get(stream) ?? []
    const copy = events[number]
    const isCopy = events.slice(0, number).some(({ eventUuid }) => eventUuid === copy?.eventUuid)
    if (isCopy && copy !== undefined) events[number] = eventWith(copy, { eventUuid: toUuid(randomUUID()) })
    return Promise.resolve(isCopy)
  }
}

function watch({ eventsKept }: { eventsKept?: number } = {}) {
  const log = new MemoryLog()
  const forgotten: number[] = []
  const errors: unknown[] = []
  const kept: [number, number][] = []
  const finder = new SecondCopyFinder({
    log,
    forget: async ({ number }) => {
      // The log still has the copy: whoever stops here finds it again.
      assert.ok(!log.asked.includes(number))
      forgotten.push(number)
    },
    onError: (error) => errors.push(error),
    onKept: (copy, first) => kept.push([copy.number, first]),
    ...(eventsKept === undefined ? {} : { eventsKept }),
  })
  const record = async (course: Uuid, ...uuids: readonly Uuid[]): Promise<void> => {
    finder.note([entryOf(log.append(course, ...uuids))])
    await finder.idle()
    assert.deepEqual(errors, [])
  }
  return { log, forgotten, kept, finder, record }
}

const fresh = (count: number): Uuid[] => Array.from({ length: count }, () => toUuid(randomUUID()))
const course = uuidOf(1, 1)

test('a copy is found thousands of events behind the first; a course seen from its beginning is never read', async () => {
  const { log, forgotten, record } = watch()
  const uuids = fresh(2500)
  await record(course, ...uuids)
  for (const uuid of fresh(50)) await record(course, uuid)
  assert.equal(log.reads, 0)
  await record(course, fresh(1)[0]!, uuids[3]!, fresh(1)[0]!, uuids[2400]!)
  await record(course, ...fresh(3))
  assert.deepEqual(
    [forgotten, log.asked],
    [
      [2551, 2553],
      [2551, 2553],
    ],
  )
})

test('copies from before the start are found when the course is next heard of, third copies too', async () => {
  const { log, forgotten, record } = watch()
  const [one, two, three] = fresh(3)
  log.append(course, one!, two!, one!, two!, one!)
  await record(course, three!)
  assert.deepEqual(forgotten, [2, 3, 4])
})

test('nothing is read that has not been folded yet', async () => {
  const { log, finder } = watch()
  const [one, two] = fresh(2)
  log.append(course, one!)
  const folded = log.append(course, two!)
  log.append(course, one!, two!)
  finder.note([entryOf(folded)])
  await finder.idle()
  assert.equal(log.highestRead, 1)
})

test('the same uuid in another course is none of our business (design D4)', async () => {
  const { log, record } = watch()
  const [uuid] = fresh(1)
  await record(course, uuid!)
  await record(uuidOf(1, 2), uuid!)
  assert.deepEqual(log.asked, [])
})

test('uuids that differ in one digit only are told apart', async () => {
  const { log, record } = watch()
  await record(course, ...Array.from({ length: 3000 }, (_, n) => uuidOf(7, n)))
  assert.deepEqual(log.asked, [])
})

test('released parts are forgotten and read again when they come back', async () => {
  const { log, forgotten, finder, record } = watch()
  const uuids = fresh(5)
  await record(course, ...uuids)
  finder.drop([partOf('course', course)])
  await record(course, uuids[0]!)
  assert.ok(log.reads > 0)
  assert.deepEqual(forgotten, [5])
})

test('a course that was not heard of is read from a thousand events back, once', async () => {
  const { log, forgotten, record } = watch()
  const uuids = fresh(5000)
  log.append(course, ...uuids)
  await record(course, uuids[4500]!, uuids[3000]!)
  assert.deepEqual(forgotten, [5000])
  const reads = log.reads
  for (const uuid of fresh(20)) await record(course, uuid)
  assert.equal(log.reads, reads)
})

test('many courses that grow are never read again; only the newest events of all are remembered', async () => {
  const { log, forgotten, record } = watch({ eventsKept: 2000 })
  const courses = Array.from({ length: 50 }, (_, n) => uuidOf(1, 100 + n))
  const uuids = fresh(10_000)
  const take = (round: number, n: number) => uuids.slice(1000 * round + 20 * n, 1000 * round + 20 * (n + 1))
  for (let round = 0; round < 10; round += 1) {
    for (const [n, one] of courses.entries()) await record(one, ...take(round, n))
  }
  assert.equal(log.reads, 0)
  await record(courses[7]!, take(0, 7)[3]!, take(9, 7)[3]!)
  assert.deepEqual(forgotten, [201])
})

test('an event that replaced state stays when its uuid is that of an answer, and that is told', async () => {
  const { log, forgotten, kept, finder } = watch()
  const stream = new TestStream(course)
  const [uuid] = fresh(1)
  stream.write('record_response', {}, uuid).write('update_roster', { course_containers: [], students: [] }, uuid)
  const events = stream.take()
  log.events.set(course, events)
  finder.note([entryOf(events)])
  await finder.idle()
  assert.deepEqual([forgotten, log.asked, kept], [[], [], [[1, 0]]])
})

test('what the fold found is replaced however far apart the two are, and needs nothing taken back', async () => {
  const { log, forgotten, finder } = watch()
  const uuids = fresh(3000)
  const events = log.append(course, ...uuids, uuids[0]!)
  finder.suspect(events[3000]!)
  await finder.idle()
  assert.deepEqual([forgotten, log.asked], [[], [3000]])
})

test('an error is told and the course is looked at again with its next event', async () => {
  const { log, forgotten, finder } = watch()
  const [one] = fresh(1)
  log.append(course, one!)
  const copy = log.append(course, one!)
  const read = log.readStream.bind(log)
  log.readStream = () => Promise.reject(new Error('the database is away'))
  finder.note([entryOf(copy)])
  await finder.idle()
  log.readStream = read
  finder.note([entryOf(log.append(course, ...fresh(1)))])
  await finder.idle()
  assert.deepEqual(forgotten, [1])
})
