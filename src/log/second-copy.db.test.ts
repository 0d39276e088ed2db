import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { StoredEvent, StreamEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { namedUuid } from '#domain/named-uuid.ts'
import type { Log } from './log.ts'
import { bareEvent, courseOf, eventOf, numbersOf, responseOf } from './sample-events.ts'
import { useTestLog } from './test-log.ts'

/* The same event under two numbers of its stream (design D4), on a real database. */
const given = useTestLog()
const all = { from: 0, eventsMax: 1000, bytesMax: 4_000_000 }
let streams = 0
const newCourse = () => courseOf(`second copy ${++streams}`)
const read = async (log: Log, course: Uuid) => log.readStream('course', course, all)
const responses = (course: Uuid, from: number, to: number): StreamEvent[] =>
  Array.from({ length: to - from }, (_, index) => responseOf(course, from + index))

describe('an event under a second number', () => {
  const noOpOf = ({ eventUuid, stream }: StreamEvent, first: number, second: number) => ({
    kind: 'course',
    stream,
    number: second,
    eventUuid: namedUuid(eventUuid, String(second)),
    type: 'no_op',
    data: {
      request_uuid: namedUuid(eventUuid, String(second)),
      course_uuid: stream,
      sequence_number: second,
      reason: `event ${eventUuid} is stored as number ${first}`,
    },
  })
  const bare = (events: readonly StoredEvent[]) => events.map(bareEvent)
  const under = (event: StreamEvent, number: number): StreamEvent => ({
    ...event,
    number,
    data: { ...event.data, sequence_number: number },
  })

  test('becomes a no_op at once within a request, and a repetition finds it', async () => {
    const course = newCourse()
    const first = responseOf(course, 0)
    const request = [first, responseOf(course, 1), under(first, 2)]
    assert.deepEqual(await given.log.append(request), {
      kind: 'stored',
      outcomes: ['recorded', 'recorded', 'duplicate'],
    })
    assert.deepEqual(bare(await read(given.log, course)), [first, responseOf(course, 1), noOpOf(first, 0, 2)])
    for (const again of [request, [under(first, 2)]]) {
      const result = await given.log.append(again)
      assert.deepEqual(result, { kind: 'stored', outcomes: again.map(() => 'duplicate') })
    }
  })

  test('[S4] becomes a no_op when it is found later, between its neighbours', async () => {
    const course = newCourse()
    const first = responseOf(course, 1)
    await given.log.append(responses(course, 0, 2))
    await given.log.append([responseOf(course, 2), under(first, 3), responseOf(course, 4)])
    for (const number of [0, 1, 2, 4, 5])
      assert.equal(await given.log.replaceSecondCopy('course', course, number), false)
    const both = await Promise.all([3, 3].map((number) => given.log.replaceSecondCopy('course', course, number)))
    assert.ok(both.includes(true))
    assert.equal(await given.log.replaceSecondCopy('course', course, 3), false)
    const expected = responses(course, 0, 5) as unknown[]
    expected[3] = noOpOf(first, 1, 3)
    assert.deepEqual(bare(await read(given.log, course)), expected)
    const noOps = await given.log.readStream('course', course, { ...all, types: new Set(['no_op']) })
    assert.deepEqual(numbersOf(noOps), [3])
    assert.deepEqual(await given.log.append([under(first, 3)]), { kind: 'stored', outcomes: ['duplicate'] })
    assert.equal((await given.log.append([responseOf(course, 3)])).kind, 'refused')
  })

  test('is no second copy in another stream', async () => {
    const [one, other] = [newCourse(), newCourse()]
    const event = eventOf(one, 0, 'update_roster')
    await given.log.append([event, { ...event, stream: other }])
    assert.equal(await given.log.replaceSecondCopy('course', other, 0), false)
    assert.equal((await read(given.log, other))[0]?.type, 'update_roster')
  })

  test('a run that outgrew a row by second copies still says what it holds, to repetitions and to rivals', async () => {
    const course = newCourse()
    const other = newCourse()
    const copies = responses(course, 0, 80).map((event, index) => under(event, 80 + index))
    await given.log.append(responses(course, 0, 80))
    await given.log.append(copies)
    for (const { number } of copies) assert.ok(await given.log.replaceSecondCopy('course', course, number))
    const rows = await given.pool.query<{ bytes: number }>(
      'select octet_length(body) as bytes from segment where stream = $1 and next_number = 160 and events = 80',
      [course],
    )
    assert.ok(rows.rows[0]!.bytes > 16_384, `${rows.rows[0]!.bytes} bytes`)
    const last = copies.at(-1)!
    const [again, rival, neighbour] = await Promise.all([
      given.log.append([last]),
      given.log.append([responseOf(course, 159, 'rival')]),
      given.log.append(responses(other, 0, 1)),
    ])
    assert.deepEqual(again, { kind: 'stored', outcomes: ['duplicate'] })
    assert.equal(rival.kind, 'refused')
    assert.equal(neighbour.kind, 'stored')
  })
})
