import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventData, StoredEvent } from '#domain/events.ts'
import { partsDefault } from '#domain/parts.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { forgetSecondAnswer } from './forget-answer.ts'
import { openLearningReader } from './reader.ts'
import { entryOf, foldEntries, TestStream, uuidOf } from './test-course.ts'

const { pool } = await openTestDatabase()
const [book, student] = [uuidOf(2, 1), uuidOf(3, 1)]

function answer(n: number): EventData {
  return { student_uuid: student, exercise_uuid: uuidOf(4, n), trial_uuid: uuidOf(7, n), ecosystem_uuid: book }
}

async function numbers(): Promise<number[]> {
  const found = await pool.query('select number from learning_answer_unpacked where student = $1 order by number', [
    student,
  ])
  return found.rows.map((row) => row.number)
}

test('bug: an answer that compaction moved while its row was waited for was not taken back', async () => {
  const course = new TestStream(uuidOf(1, 1)).create(book).answer(answer(1)).answer(answer(2))
  await foldEntries(pool, [entryOf(course.take())])
  course.answer({ ...answer(1), response_uuid: uuidOf(50, 1) })
  const [copy] = course.take() as [StoredEvent]
  await foldEntries(pool, [entryOf([copy])])
  assert.deepEqual(await numbers(), [1, 2, 3])

  const compacting = await pool.connect()
  await compacting.query('begin')
  await compacting.query(`
    with taken as (delete from learning_answer returning *)
    insert into learning_answer
    select part, student, max(last_number), sum(n), string_agg(body, ''::bytea order by last_number)
    from taken
    group by part, student`)
  const forgotten = forgetSecondAnswer(pool, copy, partsDefault)
  for (let waits = 0; waits === 0; ) {
    const found = await pool.query(
      `select count(*)::int as waits
       from pg_stat_activity
       where datname = current_database()
         and wait_event_type = 'Lock'`,
    )
    waits = found.rows[0].waits
  }
  await compacting.query('commit')
  compacting.release()
  assert.equal(await forgotten, true)
  assert.deepEqual(await numbers(), [1, 2])
  assert.equal((await openLearningReader(pool).counts()).answers, 2)
  assert.equal(await forgetSecondAnswer(pool, copy, partsDefault), false)
})
