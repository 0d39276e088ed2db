import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { createMemoryLog, type MemoryLog } from '#api/testing/memory-log.ts'
import { type CourseEventType, courseEventCodes, type StreamEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { AppendConflict, AppendResult, Log, StreamLine } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { bareEvent } from '#log/sample-events.ts'
import { createMigratedDatabase } from '#operate/test-database.ts'
import { openPool } from '#platform/postgres.ts'

/*
 * The stream rules (api.md §3.4, §4) against the model: whatever is appended in whatever order, and whatever is asked,
 * PostgreSQL and plain maps answer the same. A difference prints its seed and the smallest history that shows it.
 */
const types = Object.keys(courseEventCodes).filter((type) => type !== 'no_op') as CourseEventType[]
const streamsMax = 3
const numbersMax = 12

interface Step {
  readonly stream: number
  readonly number: number
  readonly type: CourseEventType
  readonly bytes: number
  /** A new event; the first one that was sent under this number; or an earlier one of the request, renumbered. */
  readonly origin: 'new' | 'resent' | 'renumbered'
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  stream: fc.nat({ max: streamsMax - 1 }),
  number: fc.nat({ max: numbersMax }),
  type: fc.constantFrom(...types),
  bytes: fc.oneof(fc.constant(0), fc.nat({ max: 3000 })),
  origin: fc.constantFrom('new', 'new', 'resent', 'resent', 'renumbered'),
})
/** On the wire a create event has number 0, always. */
const step = anyStep.map((given): Step => {
  const isLateCreate = given.type === 'create_course' && given.number > 0
  return isLateCreate ? { ...given, type: 'record_response' } : given
})
const history = fc.array(fc.array(step, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 8 })

const ask = fc.record({
  lines: fc.array(
    fc.record({
      stream: fc.nat({ max: streamsMax }),
      from: fc.nat({ max: numbersMax + 2 }),
      types: fc.option(fc.subarray([...types, 'no_op' as const]), { nil: undefined }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  eventsMax: fc.integer({ min: 1, max: 20 }),
  bytesMax: fc.integer({ min: 1, max: 6000 }),
})

function eventOf({ stream, number, type, bytes }: Step, streams: readonly Uuid[], eventUuid: Uuid): StreamEvent {
  const uuid = streams[stream] ?? toUuid(randomUUID())
  const data = { request_uuid: eventUuid, course_uuid: uuid, sequence_number: number, filler: 'ü'.repeat(bytes / 2) }
  return { kind: 'course', stream: uuid, number, eventUuid, type, data }
}

/** Groups of events on fresh streams. */
function groupsOf(groups: readonly (readonly Step[])[], streams: readonly Uuid[]): StreamEvent[][] {
  const sent: StreamEvent[] = []
  return groups.map((steps) => {
    const group: StreamEvent[] = []
    for (const given of steps) {
      const isSameStream = ({ stream }: StreamEvent): boolean => stream === streams[given.stream]
      const resent = sent.find((event) => isSameStream(event) && event.number === given.number)
      const renumbered = group.find((event) => isSameStream(event) && event.number !== given.number)
      const earlier = given.origin === 'resent' ? resent : given.origin === 'renumbered' ? renumbered : undefined
      const event = eventOf(given, streams, earlier?.eventUuid ?? toUuid(randomUUID()))
      group.push(event)
      sent.push(event)
    }
    return group
  })
}

/** A refusal names at least one number that is taken, and none that is free. */
function assertSameOutcome(actual: AppendResult, wanted: AppendResult): void {
  if (actual.kind !== 'refused' || wanted.kind !== 'refused') {
    assert.deepEqual(actual, wanted)
    return
  }
  const placeOf = ({ stream, number }: AppendConflict): string => `${stream}/${number}`
  const taken = new Set(wanted.conflicts.map(placeOf))
  assert.ok(actual.conflicts.length > 0)
  for (const conflict of actual.conflicts) assert.ok(taken.has(placeOf(conflict)), placeOf(conflict))
}

function nameOf({ stream, number, eventUuid }: StreamEvent): string {
  return `${stream}/${number}/${eventUuid}`
}

function isDoubledIn(event: StreamEvent, _: number, group: readonly StreamEvent[]): boolean {
  const isOther = ({ stream, number, eventUuid }: StreamEvent): boolean =>
    stream === event.stream && number !== event.number && eventUuid === event.eventUuid
  return group.some(isOther)
}

async function sameAnswers(
  log: Log,
  model: MemoryLog,
  groups: readonly StreamEvent[][],
  asked: AskedOf,
): Promise<void> {
  const doubled = new Set<string>()
  for (const given of groups) {
    const group = given.filter((event) => !doubled.has(nameOf(event)))
    if (group.length === 0) continue
    const wanted = await model.append(group)
    assertSameOutcome(await log.append(group), wanted)
    // Sent later and alone, the same uuid under two numbers is found at the fold and not at the append (design D4).
    if (wanted.kind !== 'stored') for (const event of group.filter(isDoubledIn)) doubled.add(nameOf(event))
  }
  const { lines, limits, streams } = asked
  const strip = ({ events, ...flags }: Awaited<ReturnType<Log['readStreams']>>[number]) => ({
    ...flags,
    events: events.map(bareEvent),
  })
  const [actual, wanted] = [await log.readStreams(lines, limits), await model.readStreams(lines, limits)]
  assert.deepEqual(actual.map(strip), wanted.map(strip))
  const named = streams.map((stream) => ({ kind: 'course', stream }) as const)
  const facts = async (source: Log) =>
    (await source.statuses(named, 5)).map(({ oldestBlockedAt, ...status }) => ({
      ...status,
      isBlocked: oldestBlockedAt !== undefined,
    }))
  assert.deepEqual(await facts(log), await facts(model))
}

interface AskedOf {
  readonly lines: readonly StreamLine[]
  readonly limits: { readonly eventsMax: number; readonly bytesMax: number }
  readonly streams: readonly Uuid[]
}

test('PostgreSQL and the model answer the same, whatever was appended and is asked', async () => {
  const database = await createMigratedDatabase()
  const pool = openPool(database.url, { name: 'property', connectionsMax: 2 })
  const log = await openLog(pool)
  try {
    await fc.assert(
      fc.asyncProperty(history, ask, async (groups, { lines, ...limits }) => {
        const streams = Array.from({ length: streamsMax }, () => toUuid(randomUUID()))
        const asked = lines.map(({ stream, from, types: wanted }): StreamLine => {
          const uuid = streams[stream] ?? toUuid(randomUUID())
          const position = { kind: 'course', stream: uuid, from } as const
          return wanted === undefined ? position : { ...position, types: new Set(wanted) }
        })
        const model = createMemoryLog(() => new Date(0))
        await sameAnswers(log, model, groupsOf(groups, streams), { lines: asked, limits, streams })
      }),
      { numRuns: 60 },
    )
  } finally {
    await log.close()
    await pool.end()
    await database.drop()
  }
})
