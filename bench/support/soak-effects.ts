import type pg from 'pg'
import type { Subscription } from '#crew/subscription.ts'
import type { LaneEntry } from '#log/log.ts'

/*
 * A subscription whose effect is the next number of each course, moved on only from the very number that a run begins
 * with: an effect that comes twice, too early or too late is found when it happens, however long a run is.
 */
export const soakSubscription = 'soak'

export async function createEffects(pool: pg.Pool, courses: readonly string[]): Promise<void> {
  await pool.query(
    'create table soak_effect (course uuid primary key, next_number integer not null) with (fillfactor = 50)',
  )
  await pool.query('insert into soak_effect select course, 0 from unnest($1::uuid[]) course', [courses])
}

export class DisorderError extends Error {}

export const soakEffects: Subscription = {
  name: soakSubscription,
  kinds: ['course'],
  async apply(transaction, entries) {
    const runs = runsOf(entries)
    const moved = await transaction.query(
      `update soak_effect
          set next_number = run.next_number
         from unnest($1::uuid[], $2::int[], $3::int[]) as run (course, first_number, next_number)
        where soak_effect.course = run.course
          and soak_effect.next_number = run.first_number`,
      [runs.map(({ course }) => course), runs.map(({ first }) => first), runs.map(({ next }) => next)],
    )
    if (moved.rowCount !== runs.length) {
      throw new DisorderError(`of ${runs.length} runs only ${moved.rowCount} follow what took effect before`)
    }
  },
}

/** One a course, of what several entries hold of it. */
function runsOf(entries: readonly LaneEntry[]): { course: string; first: number; next: number }[] {
  const runs = new Map<string, { course: string; first: number; next: number }>()
  for (const { stream, number } of entries.flatMap(({ events }) => events)) {
    const run = runs.get(stream) ?? { course: stream, first: number, next: number }
    if (run.next !== number) throw new DisorderError(`${number} of ${stream} was read where ${run.next} is next`)
    run.next = number + 1
    runs.set(stream, run)
  }
  return [...runs.values()]
}
