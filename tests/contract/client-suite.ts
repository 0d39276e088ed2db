import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Client } from '#client/client.ts'
import type { ResponseRecord } from '#client/wire.ts'
import type { CourseEventType } from '#client/wire-reads.ts'
import { moveContract, repairContract, resultContract } from './client-suite-results.ts'
import {
  type Asked,
  course,
  courseWith,
  dates,
  ecosystem,
  events,
  refusal,
  response,
  statusOf,
  uuid,
} from './client-world.ts'

/*
 * The wire contract as the published client sees it. The same tests run against the client's in-memory fake and against
 * the server, so that a program tested with the fake meets no surprise. Every test uses uuids of its own.
 */
export function clientContract(connect: () => Client): void {
  streamContract(connect)
  readContract(connect)
  repairContract(connect)
  moveContract(connect)
  resultContract(connect)
}

function streamContract(connect: () => Client): void {
  test('creations answer with their uuid, every time, and the first one counts', async () => {
    const client = connect()
    const [first, second] = [uuid(), uuid()]
    const id = uuid()
    assert.deepEqual(await client.createCourse(course(id, first)), { created_course_uuid: id })
    assert.deepEqual(await client.createCourse(course(id, second)), { created_course_uuid: id })
    const { found } = await events(client, id)
    assert.equal(found.length, 1)
    assert.deepEqual(found[0]!.event_data, { ...course(id, first), sequence_number: 0 })
    const book = uuid()
    assert.deepEqual(await client.createEcosystem(ecosystem(book, uuid())), { created_ecosystem_uuid: book })
  })

  test('events may arrive in any order and twice', async () => {
    const client = connect()
    const id = uuid()
    const [one, two, three] = [1, 2, 3].map((number) => response(id, number)) as [
      ResponseRecord,
      ResponseRecord,
      ResponseRecord,
    ]
    assert.deepEqual(await client.recordResponses([three, one, one]), [three.response_uuid, one.response_uuid])
    await client.createCourse(course(id))
    assert.deepEqual(await client.recordResponses([two, one]), [two.response_uuid, one.response_uuid])
    const { numbers, found } = await events(client, id)
    assert.deepEqual(numbers, [0, 1, 2, 3])
    assert.deepEqual(found[2]!.event_data, two)
  })

  test('a repeat with another body changes nothing', async () => {
    const client = connect()
    const id = uuid()
    await client.createCourse(course(id))
    const first = dates(id, 1)
    await client.updateCourseActiveDates(first)
    assert.deepEqual(await client.updateCourseActiveDates({ ...first, ends_at: '2027-01-01T00:00:00Z' }), {
      updated_course_uuid: id,
    })
    assert.deepEqual((await events(client, id)).found[1]!.event_data, first)
  })

  test('a number that is taken is refused, names the holder, and nothing of the request is stored', async () => {
    const client = connect()
    const id = uuid()
    await client.createCourse(course(id))
    const holder = dates(id, 1)
    await client.updateCourseActiveDates(holder)
    const intruder = response(id, 1)
    const { status, code, reply } = await refusal(client.recordResponses([response(id, 2), intruder]))
    assert.deepEqual([status, code], [422, 'sequence_number_taken'])
    const [conflict] = reply['conflicts'] as { [key: string]: unknown }[]
    assert.equal(conflict!['course_uuid'], id)
    assert.equal(conflict!['sequence_number'], 1)
    assert.equal(conflict!['event_uuid'], intruder.response_uuid)
    assert.equal(conflict!['existing_event_uuid'], holder.request_uuid)
    assert.deepEqual((await events(client, id)).numbers, [0, 1])
    assert.equal((await statusOf(client, id)).next_sequence_number, 2)
  })

  test('the same event under another number leaves no hole', async () => {
    const client = connect()
    const id = uuid()
    await client.createCourse(course(id))
    const request = uuid()
    await client.updateCourseActiveDates(dates(id, 1, request))
    await client.updateCourseActiveDates(dates(id, 2, request))
    await client.updateCourseActiveDates(dates(id, 2, request))
    await client.updateCourseActiveDates(dates(id, 3))
    const types: CourseEventType[] = ['update_course_active_dates']
    assert.equal((await statusOf(client, id)).contiguous_sequence_number, 4)
    const { found } = await events(client, id, { types })
    assert.deepEqual(new Set(found.map((event) => event.event_uuid)).size, 2)
  })

  test('uuids compare without case and come back as they were spelt', async () => {
    const client = connect()
    const id = uuid()
    await client.createCourse(course(id.toUpperCase()))
    const spelt = response(id, 1, uuid().toUpperCase())
    assert.deepEqual(await client.recordResponses([spelt]), [spelt.response_uuid])
    assert.deepEqual((await events(client, id.toUpperCase())).numbers, [0, 1])
    assert.equal((await events(client, id)).found[1]!.event_data['response_uuid'], spelt.response_uuid)
  })

  test('a request without a required field is refused with its place', async () => {
    const client = connect()
    const { course_uuid: _, ...broken } = response(uuid(), 1)
    const { status, code, reply } = await refusal(client.recordResponses([broken as ResponseRecord]))
    assert.deepEqual([status, code], [400, 'body_invalid'])
    assert.match(String((reply['errors'] as string[])[0]), /^\$\.responses\[0\].*course_uuid/)
  })

  test('an empty list is answered with an empty list', async () => {
    const { transport } = connect()
    const body = '{"responses":[]}'
    const reply = await transport.send({ method: 'POST', endpoint: 'record_responses', audience: 'api', body })
    assert.deepEqual(reply, { recorded_response_uuids: [] })
  })
}

function readContract(connect: () => Client): void {
  const odd: CourseEventType[] = ['record_response']
  const table: [string, number[], Asked, number[], boolean, boolean][] = [
    ['everything from the start', [0, 1, 2, 3, 4, 5], {}, [0, 1, 2, 3, 4, 5], false, true],
    ['an offset at the end', [0, 1, 2], { offset: 3 }, [], false, true],
    ['an offset far beyond the end', [0, 1, 2], { offset: 99 }, [], false, true],
    ['a hole', [0, 2], {}, [0], true, false],
    ['a limit before a hole', [0, 2], { max: 1 }, [0], false, false],
    ['an offset behind a hole', [0, 2], { offset: 2 }, [], true, false],
    ['an offset further behind a hole', [0, 2, 3], { offset: 3 }, [], true, false],
    ['a type filter over a hole', [0, 1, 3], { types: odd }, [1], true, false],
    ['a type filter with nothing behind the hole', [0, 1, 4], { types: odd }, [1], false, true],
    ['a limit', [0, 1, 2], { max: 2 }, [0, 1], false, false],
    ['a limit that is exactly enough', [0, 1, 2], { max: 3 }, [0, 1, 2], false, true],
  ]
  for (const [name, have, asked, expected, isGap, isEnd] of table) {
    test(`reading: ${name}`, async () => {
      const client = connect()
      const { numbers, is_gap, is_end } = await events(client, await courseWith(client, have), asked)
      assert.deepEqual({ numbers, is_gap, is_end }, { numbers: expected, is_gap: isGap, is_end: isEnd })
    })
  }

  test('reading: an unknown course is at its end', async () => {
    const { numbers, is_gap, is_end } = await events(connect(), uuid())
    assert.deepEqual({ numbers, is_gap, is_end }, { numbers: [], is_gap: false, is_end: true })
  })

  test('reading: the limit of a request is shared in turns', async () => {
    const client = connect()
    const long = await courseWith(client, [0, 1, 2, 3, 4, 5])
    const short = await courseWith(client, [0, 1, 2])
    const read = async (max_num_events: number) => {
      const lines = [long, short].map((id) => ({ request_uuid: uuid(), course_uuid: id, sequence_number_offset: 0 }))
      const reply = await client.fetchCourseEvents({ course_event_requests: lines, max_num_events })
      return reply.course_event_responses.map((line) => [line.events.length, line.is_gap, line.is_end])
    }
    assert.deepEqual(await read(4), [
      [2, false, false],
      [2, false, false],
    ])
    assert.deepEqual(await read(6), [
      [3, false, false],
      [3, false, true],
    ])
  })

  test('reading: created streams are listed in order of creation, the others are not', async () => {
    const client = connect()
    const [first, second, uncreated] = [uuid(), uuid(), uuid()]
    const book = uuid()
    await client.createCourse(course(first, book))
    await client.updateCourseActiveDates(dates(uncreated, 1))
    await client.createCourse(course(second, book))
    const rows: { uuid: string; initial_ecosystem_uuid: string; metadata_sequence_number: number }[] = []
    for (let offset = 0; ; offset = rows.at(-1)!.metadata_sequence_number + 1) {
      const page = await client.fetchCourseMetadatas({ metadata_sequence_number_offset: offset, max_num_metadatas: 50 })
      rows.push(...page.course_responses)
      if (page.course_responses.length < 50) break
    }
    const own = rows.filter((row) => [first, second, uncreated].includes(row.uuid))
    assert.deepEqual(
      own.map((row) => [row.uuid, row.initial_ecosystem_uuid]),
      [
        [first, book],
        [second, book],
      ],
    )
    assert.deepEqual(
      rows.map((row) => row.metadata_sequence_number),
      rows.map((_, index) => index),
    )
  })
}
