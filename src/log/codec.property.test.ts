import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { courseEventCodes, type EventData, type EventType, type StoredEvent, type StreamEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { eventDataBytes, eventHeadBytesMax, writeEvent } from './body/event-text.ts'
import { TextBuffer } from './body/text-buffer.ts'
import { decodeBody, encodeBody, prepareEvent, scanBody } from './codec.ts'
import { bareEvent } from './sample-events.ts'

/* What goes in comes out: every event_data as equal JSON, packed or not, alone or among others (design D15). */
const course = toUuid('6f2b5c1e-0d5a-4a8e-9a43-0e6d3a3c1b11')
const recordedAt = new Date(0)

const uuid = fc.uuid().map((text) => toUuid(text))
const spelledUuid = fc.oneof(
  { weight: 9, arbitrary: uuid },
  { weight: 1, arbitrary: uuid.map((id) => id.toUpperCase()) },
)
const digits = (length: number) =>
  fc.integer({ min: 0, max: 10 ** length - 1 }).map((n) => String(n).padStart(length, '0'))
const fraction = fc.oneof(
  fc.constant(''),
  fc
    .integer({ min: 1, max: 9 })
    .chain(digits)
    .map((text) => `.${text}`),
)
const zone = fc.oneof(
  fc.constantFrom('Z', 'z', '+00:00', '-00:00', '+05:30', '-03:30', '+23:59', '-23:59', '+24:00'),
  fc
    .tuple(fc.constantFrom('+', '-'), digits(2), digits(2))
    .map(([sign, hours, minutes]) => `${sign}${hours}:${minutes}`),
)
const moment = fc.oneof(
  fc
    .tuple(fc.date({ min: new Date(0), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }), fraction, zone)
    .map(([date, parts, offset]) => `${date.toISOString().slice(0, 19)}${parts}${offset}`),
  fc.constantFrom(
    '2020-02-29T00:00:00Z',
    '2019-02-29T00:00:00Z',
    '1900-02-29T00:00:00Z',
    '2016-12-31T23:59:60Z',
    '1969-12-31T23:59:59Z',
    '0099-01-01T00:00:00Z',
    '2020-01-01T24:00:00Z',
    '2020-01-01t00:00:00Z',
    '2020-01-01 00:00:00Z',
    '2020-01-01T00:00:00.Z',
    '2020-01-01T00:00:00.5Z trailing',
    '2020-00-10T00:00:00Z',
    '',
  ),
)
// Few ecosystems and students, so that neighbours often share them.
const few = fc.integer({ min: 0, max: 2 }).map((n) => toUuid(`0000000${n}-0000-4000-8000-000000000000`))

const regular = fc.record({
  response_uuid: uuid,
  course_uuid: fc.constant(course),
  sequence_number: fc.constant(0),
  ecosystem_uuid: few,
  trial_uuid: uuid,
  student_uuid: few,
  exercise_uuid: uuid,
  is_correct: fc.boolean(),
  is_real_response: fc.option(fc.boolean(), { nil: undefined }),
  responded_at: moment,
})
const irregular = fc.record(
  {
    response_uuid: spelledUuid,
    course_uuid: fc.constantFrom<string>(course, course.toUpperCase()),
    sequence_number: fc.oneof(fc.constant(0), fc.nat()),
    ecosystem_uuid: spelledUuid,
    trial_uuid: spelledUuid,
    student_uuid: fc.oneof(spelledUuid, fc.string()),
    exercise_uuid: spelledUuid,
    is_correct: fc.oneof(fc.boolean(), fc.constant(null), fc.constant(1)),
    is_real_response: fc.oneof(fc.boolean(), fc.constant(null), fc.constant('true')),
    responded_at: fc.oneof(moment, fc.string(), fc.constant(null)),
    more: fc.jsonValue(),
  },
  { requiredKeys: [] },
)

interface Given {
  readonly type: EventType
  readonly eventUuid: Uuid
  readonly data: EventData
  readonly keepsOwnNumber: boolean
}
const response: fc.Arbitrary<Given> = fc.tuple(fc.oneof(regular, irregular), uuid).map(([data, eventUuid]) => ({
  type: 'record_response',
  eventUuid: ownUuid(data, eventUuid),
  data,
  keepsOwnNumber: true,
}))
const other: fc.Arbitrary<Given> = fc
  .tuple(
    fc.constantFrom(...(Object.keys(courseEventCodes) as EventType[])),
    uuid,
    fc.dictionary(fc.string(), fc.jsonValue()),
  )
  .map(([type, eventUuid, data]) => ({ type, eventUuid, data, keepsOwnNumber: false }))

function ownUuid(data: { readonly response_uuid?: string | undefined }, otherwise: Uuid): Uuid {
  return data.response_uuid === undefined ? otherwise : toUuid(data.response_uuid)
}

const run = fc
  .tuple(
    fc.nat({ max: 2 ** 31 - 200 }),
    fc.array(fc.oneof({ weight: 4, arbitrary: response }, other), { minLength: 1, maxLength: 30 }),
  )
  .map(([start, given]) =>
    given.map(({ type, eventUuid, data, keepsOwnNumber }, index): StreamEvent => {
      const number = start + index
      const numbered = keepsOwnNumber && data['sequence_number'] === 0 ? { ...data, sequence_number: number } : data
      const present = Object.fromEntries(Object.entries(numbered).filter(([, value]) => value !== undefined))
      return { kind: 'course', stream: course, number, eventUuid, type, data: present }
    }),
  )

function encode(events: readonly StreamEvent[]): string {
  return encodeBody(events.map(prepareEvent)).toString('hex')
}

/** In a buffer of the size that is reckoned with, behind something else. */
function textOf(event: StoredEvent): string {
  const target = new TextBuffer(1 + eventDataBytes(event) + eventHeadBytesMax)
  target.ascii(' ')
  writeEvent(target, event)
  return target.written().toString().slice(1)
}

function canonical(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

describe('a body', () => {
  test('gives back every event exactly', () => {
    fc.assert(
      fc.property(run, (events) => {
        const context = { kind: 'course', stream: course, start: events[0]!.number, recordedAt } as const
        const decoded = decodeBody(encode(events), context)
        const expected = events.map((event) => ({ ...event, data: canonical(event.data) }))
        assert.deepEqual(decoded.map(bareEvent), expected)
        for (const event of decoded) assert.equal(event.recordedAt, recordedAt)
      }),
      { numRuns: 500 },
    )
  })

  test('is scanned for numbers, uuids and types, also when its last event is cut', () => {
    fc.assert(
      fc.property(run, (events) => {
        const hex = encode(events)
        const place = { kind: 'course', stream: course, start: events[0]!.number } as const
        const last = decodeBody(hex, { ...place, recordedAt }).at(-1)!
        for (const body of last.isPacked ? [hex] : [hex, hex.slice(0, last.at + 2 * 21)]) {
          assert.deepEqual(
            scanBody(body, place).map(({ number, eventUuid, type, code }) => [number, eventUuid, type, code]),
            events.map(({ number, eventUuid, type }) => {
              return [number, eventUuid, type, courseEventCodes[type as keyof typeof courseEventCodes]]
            }),
          )
        }
      }),
      { numRuns: 500 },
    )
  })

  test('is written for the wire as JSON.stringify would, to the byte', () => {
    fc.assert(
      fc.property(fc.array(run, { minLength: 1, maxLength: 3 }), (runs) => {
        const given = runs.flatMap((events) =>
          decodeBody(encode(events), { kind: 'course', stream: course, start: events[0]!.number, recordedAt }),
        )
        const appended = runs.flat()
        const dataBytes = appended.map(({ data }) => Buffer.byteLength(JSON.stringify(data)))
        assert.deepEqual(given.map(eventDataBytes), dataBytes)
        const plain = given.map((event) => ({ ...bareEvent(event), recordedAt }))
        for (const events of [given, plain]) {
          for (const [index, { number, eventUuid, type, data }] of appended.entries()) {
            const wire = { sequence_number: number, event_uuid: eventUuid, event_type: type, event_data: data }
            assert.equal(textOf(events[index]!), JSON.stringify(wire))
          }
        }
      }),
      { numRuns: 500 },
    )
  })

  test('packs an ordinary response, and takes up to 32 bytes less for one like its neighbour', () => {
    fc.assert(
      fc.property(regular, fc.constantFrom('Z', '+02:00'), (data, offset) => {
        const event = ordinary(data, offset)
        const prepared = prepareEvent(event)
        assert.ok(prepared.packed !== undefined)
        const alone = encodeBody([prepared]).length
        assert.equal(alone, offset === 'Z' ? 89 : 91)
        assert.equal(encodeBody([prepared, prepared]).length, 2 * alone - 32)
      }),
    )
  })
})

test('the uuid of a large event is read without a copy of its body', () => {
  const eventUuid = toUuid('0a2b5c1e-0d5a-4a8e-9a43-0e6d3a3c1b11')
  const data = { note: 'x'.repeat(4_000_000) }
  const hex = encode([{ kind: 'course', stream: course, number: 0, eventUuid, type: 'update_roster', data }])
  const [event] = decodeBody(hex, { kind: 'course', stream: course, start: 0, recordedAt })
  const before = process.memoryUsage().arrayBuffers
  assert.equal(event?.eventUuid, eventUuid)
  assert.ok(process.memoryUsage().arrayBuffers - before < 1_000_000)
})

function ordinary(data: EventData, offset: string): StreamEvent {
  const { is_real_response, ...rest } = data
  const real = is_real_response === undefined ? {} : { is_real_response }
  const eventUuid = toUuid(String(data['response_uuid']))
  const given = { ...rest, ...real, responded_at: `2020-03-01T12:34:56.789${offset}` }
  return { kind: 'course', stream: course, number: 0, eventUuid, type: 'record_response', data: given }
}
