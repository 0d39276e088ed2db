import type pg from 'pg'
import type { StreamEvent } from '#domain/events.ts'
import { isUuid, toUuid, type Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'

/*
 * Subjects that were announced behind a gap: stored and acknowledged, but not yet seen by the read models. Whoever asks
 * for them is told "unready" instead of "unknown" (api.md §3.3). Rows exist only while something waits.
 */
export interface WaitingSubjects {
  /** Before the announcement is acknowledged; repeating it changes nothing. */
  put(subjects: readonly Uuid[]): Promise<void>
  read(subjects: readonly Uuid[]): Promise<ReadonlySet<Uuid>>
}

type PlaceOf = (uuid: Uuid) => number

export function createWaitingSubjects(pool: pg.Pool, placeOf: PlaceOf): WaitingSubjects {
  return {
    put: async (subjects) => {
      if (subjects.length === 0) return
      const sorted = [...new Set(subjects)].sort()
      await pool.query(
        `insert into waiting_subject (part, subject_uuid)
         select part, subject_uuid
         from unnest($1::smallint[], $2::uuid[]) as line (part, subject_uuid)
         on conflict (part, subject_uuid) do nothing`,
        [sorted.map(placeOf), sorted],
      )
    },
    read: async (subjects) => {
      if (subjects.length === 0) return new Set()
      const { rows } = await pool.query<{ subject_uuid: string }>(
        `select subject_uuid
         from unnest($1::smallint[], $2::uuid[]) as line (part, subject_uuid)
         join waiting_subject using (part, subject_uuid)`,
        [subjects.map(placeOf), subjects],
      )
      return new Set(rows.map((row) => toUuid(row.subject_uuid)))
    },
  }
}

/** Together with the effects of these entries: what they announce waits no longer. */
export async function forgetWaiting(
  transaction: pg.ClientBase,
  entries: readonly LaneEntry[],
  placeOf: PlaceOf,
): Promise<void> {
  const subjects = [...new Set(entries.flatMap(({ events }) => events.flatMap(subjectsOf)))].sort()
  if (subjects.length === 0) return
  await transaction.query(
    `delete from waiting_subject
     using unnest($1::smallint[], $2::uuid[]) as line (part, subject_uuid)
     where waiting_subject.part = line.part
       and waiting_subject.subject_uuid = line.subject_uuid`,
    [subjects.map(placeOf), subjects],
  )
}

/** What an event makes known. */
export function subjectsOf({ type, data }: Pick<StreamEvent, 'type' | 'data'>): Uuid[] {
  if (type === 'create_update_assignment') return uuidsIn([data], 'assignment_uuid')
  if (type !== 'update_roster') return []
  return [...uuidsIn(data['course_containers'], 'container_uuid'), ...uuidsIn(data['students'], 'student_uuid')]
}

function uuidsIn(items: unknown, key: string): Uuid[] {
  if (!Array.isArray(items)) return []
  return items.flatMap((item: { readonly [key: string]: unknown } | null) => {
    const uuid = item?.[key]
    return isUuid(uuid) ? toUuid(uuid) : []
  })
}
