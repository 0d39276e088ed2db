import type pg from 'pg'
import type { StoredEvent } from '#domain/events.ts'
import { isUuid, toUuid, type Uuid } from '#domain/ids.ts'
import type { LaneEntry } from '#log/log.ts'
import type { CourseEcosystemUpdate, CoursePreparation } from './results.ts'
import { putEcosystemUpdates, putPreparation } from './stored-results.ts'

/*
 * Announced and made moves of courses, taken from the log by whoever folds it. The HTTP interface writes the same rows
 * before it acknowledges, because a move may wait behind a gap; this makes them appear again when the read models are
 * built anew, and covers events that came in another way. Writing a row twice changes nothing.
 */
export async function recordCourseMoves(
  transaction: pg.ClientBase,
  entries: readonly LaneEntry[],
  placeOf: (course: Uuid) => number,
): Promise<void> {
  const updates: CourseEcosystemUpdate[] = []
  for (const { events } of entries) {
    for (const event of events) {
      if (event.type === 'prepare_course_ecosystem') await recordPreparation(transaction, event, placeOf)
      const update = event.type === 'update_course_ecosystem' ? updateOf(event) : undefined
      if (update !== undefined) updates.push(update)
    }
  }
  await putEcosystemUpdates(transaction, updates, placeOf)
}

async function recordPreparation(
  transaction: pg.ClientBase,
  event: StoredEvent,
  placeOf: (course: Uuid) => number,
): Promise<void> {
  const preparation = preparationOf(event)
  if (preparation !== undefined) await putPreparation(transaction, preparation, placeOf)
}

/** The event holds `ecosystem_uuid`; early ones held the request's own name for it (M11). */
function preparationOf({ stream, number, eventUuid, data }: StoredEvent): CoursePreparation | undefined {
  const ecosystem = data['ecosystem_uuid'] ?? data['next_ecosystem_uuid']
  return isUuid(ecosystem)
    ? { course: stream, preparation: eventUuid, number, ecosystem: toUuid(ecosystem) }
    : undefined
}

function updateOf({ stream, number, data }: StoredEvent): CourseEcosystemUpdate | undefined {
  const preparation = data['preparation_uuid']
  return isUuid(preparation) ? { course: stream, preparation: toUuid(preparation), number } : undefined
}
