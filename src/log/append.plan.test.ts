import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type pg from 'pg'
import { partOf } from '#domain/parts.ts'
import type { OpenedLog } from './log.ts'
import { courseOf, responseOf } from './sample-events.ts'
import { useTestLog } from './test-log.ts'

/*
 * Plans made while the tables were empty must be right when they are full: a sequential scan for a head, or a walk over
 * an index, costs nothing on the first day and everything on the second. The server's own counters tell what was read.
 */
const given = useTestLog()

interface Reads {
  /** Rows read by sequential scans. */
  readonly sequential: number
  /** Entries taken from indexes. */
  readonly entries: number
}

/** What `work` reads of the log's tables, taken from the only session that does anything. */
async function readsOf(pool: pg.Pool, work: () => Promise<unknown>): Promise<Reads> {
  const before = await counters(pool)
  await work()
  const after = await counters(pool)
  return { sequential: after.sequential - before.sequential, entries: after.entries - before.entries }
}

async function counters(pool: pg.Pool): Promise<Reads> {
  // The statistics of a session become visible at the end of a transaction when it is told to send them.
  await pool.query('select pg_stat_force_next_flush()')
  const answer = await pool.query<Reads>(`
    select sum(t.seq_tup_read)::int as sequential,
      (select sum(i.idx_tup_read)::int from pg_stat_user_indexes i where i.relname in ('segment', 'pending')) as entries
    from pg_stat_user_tables t
    where t.relname in ('segment', 'pending', 'stream_lane')`)
  return answer.rows[0]!
}

const courses = Array.from({ length: 20 }, (_, index) => courseOf(`plan ${index}`))
const rows = 300

async function fill(log: OpenedLog): Promise<void> {
  for (let number = 0; number < rows; number += 1) {
    await log.append(courses.map((course) => responseOf(course, number)))
  }
}

describe('on one connection, whose plans were made on empty tables', () => {
  test('appending and reading take no more from full tables than they need', async () => {
    // One connection, so that every statement below runs with the plan it got when there was nothing to read.
    const { log, pool } = await given.another({}, { connectionsMax: 1 })
    await log.append([responseOf(courseOf('plan first'), 1)])
    await log.append([responseOf(courseOf('plan first'), 0)])
    for (let round = 0; round < 8; round += 1) {
      await log.readStream('course', courses[0]!, { from: 0, eventsMax: 10, bytesMax: 10_000 })
      await log.readLane(0, 0, 0n, 10)
      await log.statuses([{ kind: 'course', stream: courses[0]! }], 10)
    }
    await fill(log)

    const together = courses.map((course) => responseOf(course, rows))
    const parts = new Set(courses.map((course) => partOf('course', course))).size
    const append = await readsOf(pool, () => log.append(together))
    assert.equal(append.sequential, 0)
    // A head for each course and for each part.
    assert.ok(append.entries <= courses.length + parts, `${append.entries} entries for an append`)

    const again = await readsOf(pool, () => log.append(together))
    assert.equal(again.sequential, 0)
    assert.ok(again.entries <= 3 * courses.length + parts, `${again.entries} entries for a repetition`)

    const early = await readsOf(pool, () => log.append([responseOf(courses[0]!, rows + 2)]))
    const healed = await readsOf(pool, () => log.append([responseOf(courses[0]!, rows + 1)]))
    for (const reads of [early, healed]) {
      assert.equal(reads.sequential, 0)
      assert.ok(reads.entries <= 20, `${reads.entries} entries around a hole`)
    }
  })

  test('readers take what they give, and little more', async () => {
    const { log, pool } = await given.another({}, { connectionsMax: 1 })
    const course = courses[1]!
    const limits = { from: 200, eventsMax: 10, bytesMax: 1e6 }
    const stream = await readsOf(pool, () => log.readStream('course', course, limits))
    assert.equal(stream.sequential, 0)
    assert.ok(stream.entries <= 15, `${stream.entries} entries for ten events`)
    const lane = await readsOf(pool, () => log.readLane(partOf('course', course), 0, 100n, 10))
    assert.equal(lane.sequential, 0)
    assert.ok(lane.entries <= 15, `${lane.entries} entries for ten runs`)
    await log.laneHeads()
    const heads = await readsOf(pool, () => log.laneHeads())
    assert.equal(heads.sequential, 0)
    assert.ok(heads.entries <= 40, `${heads.entries} entries for all lane heads`)
    const status = await readsOf(pool, () => log.statuses([{ kind: 'course', stream: course }], 10))
    assert.equal(status.sequential, 0)
    assert.ok(status.entries <= 5, `${status.entries} entries for a status`)
  })
})
