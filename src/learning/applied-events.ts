import type pg from 'pg'
import type { StoredEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { CourseRun, CourseState, ParsedEvent } from './fold.ts'

/*
 * A producer that numbers its events twice sends the same event again under another number. For events that replace
 * state, folding the second copy would undo what came between. So their uuids are kept, and one statement per pass
 * both asks and remembers. A second copy of an answer adds nothing that readers see: they take each response once. An
 * answer's uuid is not kept here: should an event that replaces state have the same one, it has its effect, for good.
 */
export async function withoutSecondCopies(
  client: pg.ClientBase,
  runs: readonly CourseRun[],
  states: ReadonlyMap<Uuid, CourseState>,
  onSecondCopy?: (copy: StoredEvent) => void,
): Promise<readonly CourseRun[]> {
  const given = runs.flatMap(({ part, course, events }) => {
    const applied = states.get(course)?.appliedNumber ?? -1
    const replacing = events.filter(({ event, fact }) => event.number > applied && replacesState(fact))
    return replacing.map(({ event }) => ({ part, course, event }))
  })
  if (given.length === 0) return runs
  const remembered = await client.query<{ course: string; event_uuid: string }>({
    name: 'learning_remember_events',
    text: `
      insert into learning_applied_event (part, course, event_uuid)
      select part, course, event_uuid
      from unnest($1::smallint[], $2::uuid[], $3::uuid[]) as given (part, course, event_uuid)
      on conflict do nothing
      returning course, event_uuid`,
    values: [
      given.map(({ part }) => part),
      given.map(({ course }) => course),
      given.map(({ event }) => event.eventUuid),
    ],
  })
  const fresh = new Set(remembered.rows.map((row) => keyOf(toUuid(row.course), toUuid(row.event_uuid))))
  const second = new Set<ParsedEvent['event']>()
  for (const { course, event } of given) {
    // Taken out at the first copy of the pass, so that another one in the same pass is a second copy too.
    if (!fresh.delete(keyOf(course, event.eventUuid))) second.add(event)
  }
  if (onSecondCopy !== undefined) second.forEach(onSecondCopy)
  return second.size === 0 ? runs : runs.map((run) => without(run, second))
}

export function replacesState(fact: ParsedEvent['fact']): boolean {
  return fact.type !== 'response_recorded' && fact.type !== 'nothing' && fact.type !== 'unreadable'
}

function without(run: CourseRun, second: ReadonlySet<ParsedEvent['event']>): CourseRun {
  const events = run.events.map((parsed): ParsedEvent => {
    return second.has(parsed.event) ? { event: parsed.event, fact: { type: 'nothing' } } : parsed
  })
  return { ...run, events }
}

function keyOf(course: Uuid, event: Uuid): string {
  return `${course} ${event}`
}
