import type pg from 'pg'
import type { StoredEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { Answer } from '#domain/student.ts'
import { inTransaction } from '#platform/postgres.ts'
import { answerBytes, unpackAnswers } from './pack-answer.ts'
import { parseCourseEvent } from './parse-event.ts'

/**
 * Takes a second copy of a response out of the read models, as if it had been the no_op that the log makes of it.
 * Readers count each response once anyway; this keeps the counters right and a rebuild equal. Whoever asks has seen the
 * first in the log, which may be of another student or type. False when the event is no response, or not there.
 */
export async function forgetSecondAnswer(pool: pg.Pool, copy: StoredEvent, parts: number): Promise<boolean> {
  const fact = parseCourseEvent(copy)
  if (fact.type !== 'response_recorded') return false
  const place = { part: partOf('course', copy.stream, parts), course: copy.stream, student: fact.student }
  return inTransaction(pool, async (client) => {
    const row = await lockRowOfCopy(client, place, fact.answer)
    if (row === undefined) return false
    await shorten(client, row)
    await uncount(client, place, fact.answer)
    return true
  })
}

interface Place {
  readonly part: number
  readonly course: Uuid
  readonly student: Uuid
}

interface LockedRow {
  readonly ctid: string
  readonly body: Buffer
  /** Place of the copy in the row. */
  readonly index: number
}

/**
 * Compaction moves answers to other rows. One that is waited for may be gone then, with the copy in a row that the
 * statement does not see; but nobody takes an answer away, so what a look without a lock finds will be locked in time.
 */
async function lockRowOfCopy(client: pg.ClientBase, place: Place, copy: Answer): Promise<LockedRow | undefined> {
  while ((await findRow(client, place, copy, '')) !== undefined) {
    const row = await findRow(client, place, copy, 'for update')
    if (row !== undefined) return row
  }
  return undefined
}

async function findRow(
  client: pg.ClientBase,
  { part, student }: Place,
  copy: Answer,
  lock: '' | 'for update',
): Promise<LockedRow | undefined> {
  const found = await client.query<{ ctid: string; body: Buffer }>(
    `select ctid, body
     from learning_answer
     where part = $1
       and student = $2
     order by last_number
     ${lock}`,
    [part, student],
  )
  for (const { ctid, body } of found.rows) {
    const index = unpackAnswers(body).findIndex(({ response, number }) => {
      return response === copy.response && number === copy.number
    })
    if (index >= 0) return { ctid, body, index }
  }
  return undefined
}

/** The row is locked, so its ctid stays. Its `last_number` stays too: a version may only grow. */
async function shorten(client: pg.ClientBase, { ctid, body, index }: LockedRow): Promise<void> {
  if (body.length === answerBytes) {
    await client.query('delete from learning_answer where ctid = $1', [ctid])
    return
  }
  const at = index * answerBytes
  const left = Buffer.concat([body.subarray(0, at), body.subarray(at + answerBytes)])
  await client.query('update learning_answer set n = n - 1, body = $2 where ctid = $1', [ctid, left])
}

async function uncount(client: pg.ClientBase, { part, course }: Place, { ecosystem, isReal }: Answer): Promise<void> {
  await client.query(
    `update learning_activity as stored
     set answers = stored.answers - 1,
       real_answers = stored.real_answers - case when course.is_real and $4 then 1 else 0 end
     from learning_course as course
     where stored.part = $1
       and stored.ecosystem = $2
       and course.part = $1
       and course.course = $3`,
    [part, ecosystem, course, isReal],
  )
}
