import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EventType, StreamEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { StreamLine } from './log.ts'
import { courseOf, createCourseOf, createEcosystemOf, eventOf, numbersOf, responseOf, uuidOf } from './sample-events.ts'
import { useTestLog } from './test-log.ts'

/* What readers are told: the truth table of api.md §4, lanes, statuses and metadata. */
const given = useTestLog()
let streams = 0
const newCourse = (): Uuid => courseOf(`read ${++streams}`)

async function store(...events: StreamEvent[]): Promise<void> {
  for (const event of events) assert.equal((await given.log.append([event])).kind, 'stored')
}

function responses(course: Uuid, ...numbers: number[]): StreamEvent[] {
  return numbers.map((number) => responseOf(course, number))
}

interface Told {
  readonly numbers: number[]
  readonly isGap: boolean
  readonly isEnd: boolean
}

async function ask(lines: readonly StreamLine[], eventsMax = 1000, bytesMax = 4_000_000): Promise<Told[]> {
  const answers = await given.log.readStreams(lines, { eventsMax, bytesMax })
  return answers.map(({ events, isGap, isEnd }) => ({ numbers: numbersOf(events), isGap, isEnd }))
}

function line(stream: Uuid, from: number, ...types: EventType[]): StreamLine {
  return types.length === 0 ? { kind: 'course', stream, from } : { kind: 'course', stream, from, types: new Set(types) }
}

describe('a fetch of events', () => {
  test('reads a stream to its end, and says so', async () => {
    const course = newCourse()
    await given.log.append(responses(course, 0, 1, 2, 3, 4, 5))
    assert.deepEqual(await ask([line(course, 0), line(course, 4), line(course, 6), line(course, 99)]), [
      { numbers: [0, 1, 2, 3, 4, 5], isGap: false, isEnd: true },
      { numbers: [4, 5], isGap: false, isEnd: true },
      { numbers: [], isGap: false, isEnd: true },
      { numbers: [], isGap: false, isEnd: true },
    ])
    assert.deepEqual(await ask([line(newCourse(), 0)]), [{ numbers: [], isGap: false, isEnd: true }])
  })

  test('reads on where one stands in a row, whatever rows held lately', async () => {
    const [dense, sparse] = [newCourse(), newCourse()]
    for (let from = 0; from < 400; from += 40) {
      await given.log.append(responses(dense, ...Array.from({ length: 40 }, (_, index) => from + index)))
    }
    await store(...responses(sparse, ...Array.from({ length: 30 }, (_, number) => number)))
    for (let round = 0; round < 20; round += 1) await ask([line(dense, 0)])
    const [from, rest] = await ask([line(sparse, 3), line(dense, 37)], 100)
    assert.deepEqual(
      from?.numbers,
      Array.from({ length: 27 }, (_, index) => 3 + index),
    )
    assert.deepEqual(
      rest?.numbers,
      Array.from({ length: 73 }, (_, index) => 37 + index),
    )
    assert.deepEqual([from?.isEnd, rest?.isEnd], [true, false])
    // More than its share, because the other line ends early: the rest of the row comes too.
    const [, more] = await ask([line(sparse, 25), line(dense, 0)], 40)
    assert.deepEqual(
      more?.numbers,
      Array.from({ length: 35 }, (_, number) => number),
    )
    // The last event of a row, and nothing behind it of the type that is asked for.
    assert.deepEqual(await ask([line(dense, 398), line(dense, 39, 'no_op')], 2), [
      { numbers: [398, 399], isGap: false, isEnd: true },
      { numbers: [], isGap: false, isEnd: true },
    ])
  })

  test('stops before a hole, and says that something waits behind it', async () => {
    const course = newCourse()
    await store(...responses(course, 0))
    await given.log.append(responses(course, 2, 3))
    assert.deepEqual(await ask([line(course, 0), line(course, 2), line(course, 3), line(course, 4)]), [
      { numbers: [0], isGap: true, isEnd: false },
      { numbers: [], isGap: true, isEnd: false },
      { numbers: [], isGap: true, isEnd: false },
      { numbers: [], isGap: false, isEnd: true },
    ])
    assert.deepEqual(await ask([line(course, 0)], 1), [{ numbers: [0], isGap: false, isEnd: false }])
  })

  test('judges holes on all types, and what waits behind them on the types asked for', async () => {
    const course = newCourse()
    const roster = eventOf(course, 2, 'update_roster')
    await store(...responses(course, 0), roster)
    assert.deepEqual(await ask([line(course, 0, 'record_response'), line(course, 0, 'update_roster')]), [
      { numbers: [0], isGap: false, isEnd: true },
      { numbers: [], isGap: true, isEnd: false },
    ])
    await given.log.append([responseOf(course, 3), eventOf(course, 4, 'no_op')])
    assert.deepEqual(await ask([line(course, 0, 'record_response'), line(course, 4, 'record_response')]), [
      { numbers: [0], isGap: true, isEnd: false },
      { numbers: [], isGap: false, isEnd: true },
    ])
    assert.deepEqual(await ask([{ ...line(course, 0), types: new Set() }]), [
      { numbers: [], isGap: false, isEnd: true },
    ])
  })

  test('finds a rare type among many responses', async () => {
    const course = newCourse()
    const events = Array.from({ length: 500 }, (_, number) =>
      number % 200 === 150 ? eventOf(course, number, 'update_roster') : responseOf(course, number),
    )
    await given.log.append(events)
    assert.deepEqual(await ask([line(course, 151, 'update_roster')]), [{ numbers: [350], isGap: false, isEnd: true }])
    assert.deepEqual(await ask([line(course, 0, 'update_roster')], 1), [{ numbers: [150], isGap: false, isEnd: false }])
    const [answer] = await ask([line(course, 0, 'record_response')], 300)
    assert.equal(answer?.numbers.length, 300)
    assert.equal(answer?.isEnd, false)
  })

  test('spends the limit of events breadth first', async () => {
    const [a, b] = [newCourse(), newCourse()]
    await given.log.append(responses(a, 0, 1, 2, 3, 4, 5))
    await store(...responses(b, 0, 1, 2))
    assert.deepEqual(await ask([line(a, 0), line(b, 0)], 4), [
      { numbers: [0, 1], isGap: false, isEnd: false },
      { numbers: [0, 1], isGap: false, isEnd: false },
    ])
    assert.deepEqual(await ask([line(a, 0), line(b, 0)], 6), [
      { numbers: [0, 1, 2], isGap: false, isEnd: false },
      { numbers: [0, 1, 2], isGap: false, isEnd: true },
    ])
    assert.deepEqual(await ask([line(newCourse(), 0), line(a, 5), line(a, 5)], 2), [
      { numbers: [], isGap: false, isEnd: true },
      { numbers: [5], isGap: false, isEnd: true },
      { numbers: [5], isGap: false, isEnd: true },
    ])
  })

  test('spends the limit of bytes so that the first event always comes', async () => {
    const course = newCourse()
    const sizes = [2_500_000, 2_500_000, 10, 5_000_000, 10]
    await given.log.append(sizes.map((bytes, number) => eventOf(course, number, 'update_roster', bytes)))
    assert.deepEqual(await ask([line(course, 0)]), [{ numbers: [0], isGap: false, isEnd: false }])
    assert.deepEqual(await ask([line(course, 1)]), [{ numbers: [1, 2], isGap: false, isEnd: false }])
    assert.deepEqual(await ask([line(course, 3)]), [{ numbers: [3], isGap: false, isEnd: false }])
    const answer = await ask([line(course, 0), line(course, 4), line(course, 2)])
    assert.deepEqual(
      answer.map(({ numbers }) => numbers),
      [[0], [4], [2]],
    )
  })

  test('counts the bytes of packed responses as they are sent', async () => {
    const course = newCourse()
    const events = Array.from({ length: 200 }, (_, number) => responseOf(course, number))
    await given.log.append(events)
    const wireBytes = events.map(({ data }) => Buffer.byteLength(JSON.stringify(data)))
    const budget = wireBytes.slice(0, 150).reduce((sum, bytes) => sum + bytes, 0)
    const [exact] = await ask([line(course, 0)], 1000, budget)
    assert.equal(exact?.numbers.length, 149)
    const [above] = await ask([line(course, 0)], 1000, budget + 1)
    assert.equal(above?.numbers.length, 150)
  })

  test('reads a course and an ecosystem of the same uuid apart', async () => {
    const uuid = newCourse()
    await given.log.append([createCourseOf(uuid, uuidOf('ecosystem')), createEcosystemOf(uuid)])
    for (const kind of ['course', 'ecosystem'] as const) {
      const events = await given.log.readStream(kind, uuid, { from: 0, eventsMax: 10, bytesMax: 1000 })
      assert.deepEqual(
        events.map((event) => [event.kind, event.type]),
        [[kind, `create_${kind}`]],
      )
    }
  })
})

describe('a lane', () => {
  test('gives each run once, in order, from any position', async () => {
    const course = newCourse()
    const part = partOf('course', course)
    const before = (await given.log.laneHeads()).get(`${part}/0`) ?? 0n
    await store(...responses(course, 0, 2, 1, 3))
    const entries = await given.log.readLane(part, 0, before, 100)
    assert.deepEqual(
      entries.map(({ position, events }) => [position - before, numbersOf(events)]),
      [
        [1n, [0]],
        [2n, [1]],
        [3n, [2]],
        [4n, [3]],
      ],
    )
    assert.equal((await given.log.laneHeads()).get(`${part}/0`), before + 4n)
    assert.equal((await given.log.readLane(part, 0, before + 1n, 2)).length, 2)
    const both = await given.log.readLanes(
      [
        { part, lane: 0, after: before + 3n },
        { part, lane: 1, after: 0n },
        { part, lane: 0, after: before + 4n },
      ],
      10,
    )
    assert.deepEqual(
      both.map(({ position }) => position),
      [before + 4n],
    )
  })
})

describe('a status', () => {
  test('names the holes below the highest number', async () => {
    const course = newCourse()
    await given.log.append(responses(course, 0, 1))
    await given.log.append(responses(course, 5, 6, 10))
    const [status, unknown, short] = await given.log.statuses(
      [
        { kind: 'course', stream: course },
        { kind: 'course', stream: newCourse() },
        { kind: 'ecosystem', stream: course },
      ],
      10,
    )
    assert.ok(status?.oldestBlockedAt instanceof Date)
    assert.deepEqual(status, {
      kind: 'course',
      stream: course,
      isKnown: true,
      isCreated: false,
      nextSequenceNumber: 11,
      contiguousSequenceNumber: 2,
      gaps: [
        { from: 2, to: 4 },
        { from: 7, to: 9 },
      ],
      oldestBlockedAt: status.oldestBlockedAt,
    })
    for (const nothing of [unknown, short]) {
      assert.equal(nothing?.isKnown, false)
      assert.equal(nothing?.nextSequenceNumber, 0)
    }
    const [limited] = await given.log.statuses([{ kind: 'course', stream: course }], 1)
    assert.deepEqual(limited?.gaps, [{ from: 2, to: 4 }])
  })
})

describe('metadata', () => {
  test('numbers streams by their creation, without a hole, whoever creates them', async () => {
    const logs = [given.log, (await given.another()).log]
    const ecosystem = uuidOf('ecosystem')
    const courses = Array.from({ length: 40 }, newCourse)
    const before = (await given.log.readMetadata('course', 0, 10_000)).length
    const ecosystemsBefore = (await given.log.readMetadata('ecosystem', 0, 10_000)).length
    // Some have events before they are created, and each is created twice.
    await given.log.append(courses.slice(0, 10).map((course) => responseOf(course, 1)))
    const seen: number[] = []
    const state = { isOver: false }
    const watching = (async () => {
      while (!state.isOver || seen.length < courses.length) {
        const found = await given.log.readMetadata('course', before + seen.length, 1000)
        seen.push(...found.map(({ number }) => number))
      }
    })()
    await Promise.all(courses.flatMap((course) => logs.map((log) => log.append([createCourseOf(course, ecosystem)]))))
    await given.log.append([createEcosystemOf(newCourse()), createEcosystemOf(newCourse())])
    state.isOver = true
    await watching
    assert.deepEqual(
      seen,
      courses.map((_, index) => before + index),
    )
    const metadata = await given.log.readMetadata('course', before, 1000)
    assert.deepEqual(new Set(metadata.map(({ uuid }) => uuid)), new Set(courses))
    for (const { initialEcosystem } of metadata) assert.equal(initialEcosystem, ecosystem)
    const ecosystems = await given.log.readMetadata('ecosystem', ecosystemsBefore, 10)
    assert.deepEqual(
      ecosystems.map(({ number, initialEcosystem }) => [number - ecosystemsBefore, initialEcosystem]),
      [
        [0, undefined],
        [1, undefined],
      ],
    )
    assert.deepEqual(
      (await given.log.readMetadata('course', before + 3, 2)).map(({ number }) => number),
      [before + 3, before + 4],
    )
    const [status] = await given.log.statuses([{ kind: 'course', stream: courses[0]! }], 1)
    assert.equal(status?.isCreated, true)
  })
})

describe('a stream in trouble', () => {
  const by = { actor: 'operator', reason: 'the task was deleted' }

  test('[S12] is repaired with no_ops in its holes, and nowhere else', async () => {
    const course = newCourse()
    await given.log.append(responses(course, 1, 4, 5, 8))
    assert.deepEqual(await given.log.repair('course', course, { from: 0, to: 5, ...by }), [2, 3])
    await store(...responses(course, 0))
    const events = await given.log.readStream('course', course, { from: 0, eventsMax: 10, bytesMax: 1e6 })
    assert.deepEqual(
      events.map(({ type }) => type),
      ['record_response', 'record_response', 'no_op', 'no_op', 'record_response', 'record_response'],
    )
    assert.deepEqual(events[2]?.data['reason'], by.reason)
    assert.deepEqual(await given.log.repair('course', course, { from: 0, to: 5, ...by }), [])
    const late = await given.log.append(responses(course, 2))
    assert.equal(late.kind === 'refused' && late.conflicts[0]?.existingType, 'no_op')
    const audits = await given.log.audits('course', course, 10)
    assert.deepEqual(
      audits.map(({ at: _, ...audit }) => audit),
      [{ action: 'repair', ...by, detail: { numbers: [2, 3] } }],
    )
  })

  test('[S13] whose true event arrives during the repair has one of both', async () => {
    const other = (await given.another()).log
    for (let round = 0; round < 10; round += 1) {
      const course = newCourse()
      await store(...responses(course, 0, 2))
      const [filled, late] = await Promise.all([
        other.repair('course', course, { from: 1, to: 1, ...by }),
        given.log.append(responses(course, 1)),
      ])
      assert.equal(filled.length, late.kind === 'stored' ? 0 : 1)
      const events = await given.log.readStream('course', course, { from: 1, eventsMax: 1, bytesMax: 1e6 })
      assert.equal(events[0]?.type, late.kind === 'stored' ? 'record_response' : 'no_op')
    }
  })

  test('moves to a lane of its own and back, and each first run names what it waits for', async () => {
    const course = newCourse()
    const part = partOf('course', course)
    const head = async (lane: number) => (await given.log.laneHeads()).get(`${part}/${lane}`) ?? 0n
    await store(...responses(course, 0))
    const shared = await head(0)
    const { lane } = await given.log.moveStream('course', course, 'dedicated', by)
    assert.ok(lane > 0)
    assert.deepEqual(await given.log.moveStream('course', course, 'dedicated', by), { lane })
    await store(...responses(course, 2, 1, 3))
    const own = await given.log.readLane(part, lane, 0n, 10)
    assert.deepEqual(
      own.map(({ position, events, waitsFor }) => [position, numbersOf(events), waitsFor]),
      [
        [1n, [1], { lane: 0, position: shared }],
        [2n, [2], undefined],
        [3n, [3], undefined],
      ],
    )
    assert.equal(await head(0), shared)
    await given.log.moveStream('course', course, 'shared', by)
    await store(...responses(course, 4, 5))
    const back = await given.log.readLane(part, 0, shared, 10)
    assert.deepEqual(
      back.map(({ events, waitsFor }) => [numbersOf(events), waitsFor]),
      [
        [[4], { lane, position: 3n }],
        [[5], undefined],
      ],
    )
    const other = newCourse()
    assert.deepEqual(await given.log.audits('course', other, 10), [])
    assert.equal((await given.log.audits('course', course, 10)).length, 3)
  })
})
