import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { CourseLoad } from './course-load.ts'
import type { DatabaseServer } from './database-server.ts'

/** Everything that was acknowledged is stored once and in order, and learning has counted each answer once. */
export async function verifyLoad(load: CourseLoad, database: DatabaseServer, learntBefore = 0): Promise<void> {
  let answers = learntBefore
  for (const course of load.courses) {
    const promised = load.promised(course)
    const stored = await load.stored(course)
    assert.deepEqual(stored.slice(0, promised.length), promised, `course ${course}`)
    assert.equal(new Set(stored).size, stored.length, `course ${course} holds an event twice`)
    answers += stored.length - 1
  }
  await untilLearnt(database, answers)
}

/** Waits until learning has applied so many answers; more of them would be double effects. */
export async function untilLearnt(database: DatabaseServer, answers: number, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const counted = await learntAnswers(database)
    if (counted === answers) return
    assert.ok(counted < answers, `${counted} answers took effect where ${answers} are stored`)
    assert.ok(performance.now() < deadline, `only ${counted} of ${answers} answers took effect`)
    await sleep(50)
  }
}

export async function learntAnswers(database: DatabaseServer): Promise<number> {
  const rows = await database.query<{ answers: number }>(
    'select coalesce(sum(answers), 0)::int as answers from learning_activity',
  )
  return rows[0]?.answers ?? 0
}
