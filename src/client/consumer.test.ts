import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createClient } from './client.ts'
import { pullCourseEvents, pullMetadatas } from './consumer.ts'
import { createMemoryCursors } from './cursors.ts'
import { createFakeServer } from './fake/server.ts'
import { instantClock } from './test-outbox.ts'

const time = '2026-03-01T08:00:00Z'

function setUp() {
  const fake = createFakeServer()
  const client = createClient({ url: 'http://biglearn.test', fetch: fake.fetch, clock: instantClock() })
  const cursors = createMemoryCursors()
  const applied: string[] = []
  const pull = (courses: readonly string[], eventsMax = 1000, eventTypes?: 'update_course_active_dates'[]) =>
    pullCourseEvents(courses, {
      client,
      cursors,
      eventsMax,
      ...(eventTypes === undefined ? {} : { eventTypes }),
      apply: async (_, { stream, events }) => {
        for (const { sequence_number } of events) applied.push(`${courses.indexOf(stream)}/${sequence_number}`)
      },
    })
  const create = (course: string) =>
    client.createCourse({
      course_uuid: course,
      ecosystem_uuid: randomUUID(),
      is_real_course: true,
      starts_at: time,
      ends_at: time,
      created_at: time,
    })
  const send = (course: string, number: number) =>
    client.updateCourseActiveDates({
      request_uuid: randomUUID(),
      course_uuid: course,
      sequence_number: number,
      starts_at: time,
      ends_at: time,
      updated_at: time,
    })
  return { fake, client, cursors, applied, pull, create, send }
}

test('a reader goes on where it stopped, in order, over many requests', async () => {
  const { cursors, applied, pull, create, send } = setUp()
  const courses = [randomUUID(), randomUUID()]
  for (const course of courses) {
    await create(course)
    for (let number = 1; number < 7; number += 1) await send(course, number)
  }
  assert.deepEqual(await pull(courses, 4), { applied: 14, blocked: [], overtaken: [] })
  for (const index of [0, 1]) {
    const own = applied.filter((entry) => entry.startsWith(`${index}/`))
    assert.deepEqual(
      own,
      [0, 1, 2, 3, 4, 5, 6].map((number) => `${index}/${number}`),
    )
  }
  applied.length = 0
  await send(courses[1]!, 7)
  assert.equal((await pull(courses)).applied, 1)
  assert.deepEqual(applied, ['1/7'])
  assert.deepEqual([...cursors.positions.values()].sort(), [7, 8])
})

test('a reader stops at a gap, says so, and goes on when it is closed', async () => {
  const { applied, pull, create, send } = setUp()
  const course = randomUUID()
  await create(course)
  await send(course, 2)
  assert.deepEqual(await pull([course]), { applied: 1, blocked: [course], overtaken: [] })
  await send(course, 1)
  assert.deepEqual(await pull([course]), { applied: 2, blocked: [], overtaken: [] })
  assert.deepEqual(applied, ['0/0', '0/1', '0/2'])
})

test('only the types asked for are applied', async () => {
  const { applied, pull, create, send } = setUp()
  const course = randomUUID()
  await create(course)
  await send(course, 1)
  await pull([course], 1000, ['update_course_active_dates'])
  assert.deepEqual(applied, ['0/1'])
})

test('effects that fail leave the cursor where it was, and the events come again', async () => {
  const { client, cursors, applied, pull, create } = setUp()
  const course = randomUUID()
  await create(course)
  const failing = pullCourseEvents([course], {
    client,
    cursors,
    apply: async () => {
      throw new Error('disk full')
    },
  })
  await assert.rejects(failing, /disk full/)
  await pull([course])
  assert.deepEqual(applied, ['0/0'])
})

test('two readers of the same cursor apply every event once', async () => {
  const { client, cursors, create, send } = setUp()
  const course = randomUUID()
  await create(course)
  for (let number = 1; number < 30; number += 1) await send(course, number)
  const applied: number[] = []
  const reader = () =>
    pullCourseEvents([course], {
      client,
      cursors,
      eventsMax: 3,
      apply: async (_, { events }) => {
        await new Promise((resolve) => setImmediate(resolve))
        applied.push(...events.map((event) => event.sequence_number))
      },
    })
  let outcomes = await Promise.all([reader(), reader()])
  while (outcomes.some(({ overtaken }) => overtaken.length > 0)) outcomes = await Promise.all([reader(), reader()])
  assert.deepEqual(
    applied,
    Array.from({ length: 30 }, (_, number) => number),
  )
})

test('new courses are found in order of their creation, each once', async () => {
  const { client, create } = setUp()
  const courses = Array.from({ length: 5 }, () => randomUUID())
  for (const course of courses.slice(0, 3)) await create(course)
  const first = await pullMetadatas(client, 'course', { offset: 0 })
  assert.deepEqual(first, { uuids: courses.slice(0, 3), offset: 3 })
  for (const course of courses.slice(3)) await create(course)
  const second = await pullMetadatas(client, 'course', { offset: first.offset })
  assert.deepEqual(second, { uuids: courses.slice(3), offset: 5 })
  assert.deepEqual(await pullMetadatas(client, 'course', { offset: 5 }), { uuids: [], offset: 5 })
})

test('cursors in memory advance once per step', async () => {
  const cursors = createMemoryCursors()
  const step = (from: number, to: number) =>
    cursors.transaction((changes) => cursors.advance(changes, { stream: 's', from, to }))
  assert.deepEqual([await step(0, 3), await step(0, 3), await step(3, 5)], [true, false, true])
  assert.deepEqual(await cursors.read(['s', 't']), new Map([['s', 5]]))
})
