import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type pg from 'pg'
import { createMigratedDatabase } from '#operate/test-database.ts'
import { openPool } from '#platform/postgres.ts'
import type { TestDatabase } from '#platform/test-database.ts'
import type { OpenedLog } from './log.ts'
import { openLog } from './open.ts'
import { courseOf, numbersOf, responseOf, uuidOf } from './sample-events.ts'

/* The promises of append and read on a real database, one test each. */
let database: TestDatabase
let pool: pg.Pool
let log: OpenedLog

before(async () => {
  database = await createMigratedDatabase()
  pool = openPool(database.url, { name: 'test', connectionsMax: 5 })
  log = await openLog(pool)
})
after(async () => {
  await log.close()
  await pool.end()
  await database.drop()
})

const all = { from: 0, eventsMax: 1000, bytesMax: 4_000_000 }
let streams = 0
const newCourse = () => courseOf(`log.db.test ${++streams}`)

describe('append', () => {
  test('stores a request and gives it back', async () => {
    const course = newCourse()
    const events = [0, 1, 2].map((number) => responseOf(course, number))
    assert.deepEqual(await log.append(events), { kind: 'stored', outcomes: ['recorded', 'recorded', 'recorded'] })
    const read = await log.readStream('course', course, all)
    assert.deepEqual(
      read.map(({ recordedAt, ...event }) => event),
      events,
    )
    for (const { recordedAt } of read) assert.ok(Math.abs(recordedAt.getTime() - Date.now()) < 10_000)
  })

  test('acknowledges a repetition and stores it once', async () => {
    const course = newCourse()
    const events = [0, 1, 2].map((number) => responseOf(course, number))
    await log.append(events)
    assert.deepEqual(await log.append([...events, responseOf(course, 3)]), {
      kind: 'stored',
      outcomes: ['duplicate', 'duplicate', 'duplicate', 'recorded'],
    })
    assert.deepEqual(numbersOf(await log.readStream('course', course, all)), [0, 1, 2, 3])
  })

  test('holds back what is behind a hole until the hole closes', async () => {
    const course = newCourse()
    await log.append([responseOf(course, 2), responseOf(course, 3)])
    await log.append([responseOf(course, 0)])
    assert.deepEqual(numbersOf(await log.readStream('course', course, all)), [0])
    const [blocked] = await log.statuses([{ kind: 'course', stream: course }], 10)
    assert.deepEqual(blocked?.gaps, [{ from: 1, to: 1 }])
    assert.equal(blocked?.contiguousSequenceNumber, 1)
    assert.equal(blocked?.nextSequenceNumber, 4)
    assert.ok(blocked?.oldestBlockedAt instanceof Date)
    assert.deepEqual(
      (await log.blockedStreams(10)).map(({ stream }) => stream),
      [course],
    )
    await log.append([responseOf(course, 1)])
    assert.deepEqual(numbersOf(await log.readStream('course', course, all)), [0, 1, 2, 3])
    assert.deepEqual(await log.blockedStreams(10), [])
  })

  test('refuses a request whole when one number is taken, and leaves its neighbours alone', async () => {
    const course = newCourse()
    const other = newCourse()
    await log.append([responseOf(course, 0)])
    const intruder = { ...responseOf(course, 0), eventUuid: uuidOf('intruder') }
    const results = await Promise.all([
      log.append([responseOf(other, 0)]),
      log.append([responseOf(course, 1), intruder]),
      log.append([responseOf(other, 1)]),
    ])
    assert.deepEqual(
      results.map(({ kind }) => kind),
      ['stored', 'refused', 'stored'],
    )
    const refused = results[1]
    assert.deepEqual(refused?.kind === 'refused' && refused.conflicts, [
      {
        kind: 'course',
        stream: course,
        number: 0,
        eventUuid: intruder.eventUuid,
        existingEventUuid: responseOf(course, 0).eventUuid,
        existingType: 'record_response',
      },
    ])
    assert.deepEqual(numbersOf(await log.readStream('course', course, all)), [0])
    assert.deepEqual(numbersOf(await log.readStream('course', other, all)), [0, 1])
    const kept = await pool.query('select number, event_uuid from rejected_event where stream = $1', [course])
    assert.deepEqual(kept.rows, [{ number: 0, event_uuid: intruder.eventUuid }])
  })
})
