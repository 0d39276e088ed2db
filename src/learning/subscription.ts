import type pg from 'pg'
import type { Subscription } from '#crew/subscription.ts'
import type { StoredEvent } from '#domain/events.ts'
import type { LaneEntry } from '#log/log.ts'
import { withoutSecondCopies } from './applied-events.ts'
import { type CourseRun, foldCourses, type SkippedEvent } from './fold.ts'
import { parseCourseEvent, parseEcosystemEvent } from './parse-event.ts'
import { readCourses, readPreparations, writeCourses, writeExclusions, writePreparations } from './write-course.ts'
import { type CreatedEcosystem, writeEcosystem, writeMaps } from './write-ecosystem.ts'
import { writeRosters } from './write-roster.ts'
import { writeAnswers, writeAssignments, writeNamedMatrices } from './write-work.ts'

/*
 * The `learning` subscription: folds every event of the log into the read models, exactly once, because effects and
 * position are committed together. The number of statements of a pass depends on the kinds of events in it, not on how
 * many.
 */
export interface LearningOptions {
  /** Told about each event that has no effect because it can not be interpreted; once more when a pass is repeated. */
  readonly onSkipped?: (skipped: SkippedEvent) => void
  /** Told about each event without effect because its uuid has been applied; once more when a pass is repeated. */
  readonly onSecondCopy?: (copy: StoredEvent) => void
}

export function learningSubscription(options: LearningOptions = {}): Subscription {
  return {
    name: 'learning',
    apply: (transaction, entries) => applyEntries(transaction, entries, options),
  }
}

async function applyEntries(
  client: pg.ClientBase,
  entries: readonly LaneEntry[],
  options: LearningOptions,
): Promise<void> {
  const skipped: SkippedEvent[] = []
  const { runs, ecosystems } = parseEntries(entries, skipped)
  for (const ecosystem of ecosystems) await writeEcosystem(client, ecosystem)
  if (runs.length > 0) await applyRuns(client, runs, skipped, options.onSecondCopy)
  for (const event of skipped) options.onSkipped?.(event)
}

async function applyRuns(
  client: pg.ClientBase,
  runs: readonly CourseRun[],
  skipped: SkippedEvent[],
  onSecondCopy: LearningOptions['onSecondCopy'],
): Promise<void> {
  const keys = new Map(runs.map(({ part, course }) => [course, { part, course }]))
  const courses = await readCourses(client, [...keys.values()])
  const states = new Map(courses.map((course) => [course.course, course]))
  const first = await withoutSecondCopies(client, runs, states, onSecondCopy)
  const changes = foldCourses(first, { courses: states, preparations: await readPreparations(client, first) })
  skipped.push(...changes.skipped)
  await writeCourses(client, [...changes.courses.values()])
  await writeExclusions(client, [...changes.exclusions.values()])
  await writePreparations(client, [...changes.preparations.values()])
  await writeMaps(client, changes.maps)
  await writeRosters(client, [...changes.rosters.values()])
  await writeAssignments(client, [...changes.assignments.values()])
  await writeNamedMatrices(client, [...changes.matrices.values()])
  await writeAnswers(client, changes.answers.values(), [...changes.activity.values()])
}

interface ParsedEntries {
  readonly runs: CourseRun[]
  readonly ecosystems: CreatedEcosystem[]
}

function parseEntries(entries: readonly LaneEntry[], skipped: SkippedEvent[]): ParsedEntries {
  const parsed: ParsedEntries = { runs: [], ecosystems: [] }
  for (const { part, events } of entries) {
    const first = events[0]
    if (first === undefined) continue
    if (first.kind === 'ecosystem')
      parsed.ecosystems.push(...events.flatMap((event) => createdBy(part, event, skipped)))
    else parsed.runs.push({ part, course: first.stream, events: events.map(parseOne) })
  }
  return parsed
}

function parseOne(event: StoredEvent): CourseRun['events'][number] {
  return { event, fact: parseCourseEvent(event) }
}

function createdBy(part: number, event: StoredEvent, skipped: SkippedEvent[]): CreatedEcosystem[] {
  const fact = parseEcosystemEvent(event)
  if (fact.type === 'ecosystem_created') return [{ part, ecosystem: fact.ecosystem, createdAt: event.recordedAt }]
  if (fact.type === 'unreadable') skipped.push({ stream: event.stream, number: event.number, reason: fact.reason })
  return []
}
