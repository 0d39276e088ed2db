import type { Uuid } from '#domain/ids.ts'
import type { Answer, Assignment, Instant } from '#domain/student.ts'
import { type EcosystemIndex, poolFor } from './ecosystem-index.ts'
import { exclusionOf, type StudentExclusions } from './exclusions.ts'
import type { Mapping } from './mapping.ts'

/** Which order of a student's assignments is looked back on: the teacher's plan, or what the student has dealt with. */
export type HistoryType = 'instructor_driven' | 'student_driven'

/** How far back spaced practice looks. */
export const kAgoMax = 5

/**
 * When the student dealt with an assignment (scheduler.md §6.1 [B]): the last first answer once all exercises but the
 * spaced ones were answered by the due time, else the due time once it is past. Without a due time answers suffice.
 */
export function dealtWithAt(
  assignment: Assignment,
  firstAnswerAt: { get(trial: Uuid): Instant | undefined },
  now: Instant,
): Instant | undefined {
  const { dueAt } = assignment
  const completedAt = completion(assignment, firstAnswerAt)
  if (completedAt !== undefined) return completedAt
  return dueAt !== undefined && dueAt <= now ? dueAt : undefined
}

/** Time of the first answer to each trial; later ones change an answer but not when the work was done. */
export function firstAnswers(answers: readonly Answer[]): Map<Uuid, Instant> {
  const first = new Map<Uuid, Instant>()
  for (const { trial, respondedAt } of answers) {
    const known = first.get(trial)
    if (known === undefined || respondedAt < known) first.set(trial, respondedAt)
  }
  return first
}

/** One student's assignments of one type, in one of the two orders, as §6.2 numbers them from 1. */
export interface NumberedHistory {
  readonly type: HistoryType
  /** In order; for a student-driven history only those dealt with. */
  readonly ordered: readonly Assignment[]
  readonly numbers: ReadonlyMap<Uuid, number>
}

export interface HistoryInput {
  /** The student's assignments; other types and deleted ones are left out here. */
  readonly assignments: readonly Assignment[]
  readonly assignmentType: string
  readonly firstAnswerAt: { get(trial: Uuid): Instant | undefined }
  readonly now: Instant
}

/** By due time, opening, creation; assignments without a time come last. */
export function instructorHistory(input: HistoryInput): NumberedHistory {
  const ordered = relevant(input).sort(byPlan)
  const numbers = new Map(ordered.map(({ uuid }, at) => [uuid, at + 1]))
  return { type: 'instructor_driven', ordered, numbers }
}

/** By when the student dealt with them; all the others share the number after the last of these. */
export function studentHistory(input: HistoryInput): NumberedHistory {
  const all = relevant(input)
  const dealt = new Map<Uuid, Instant>()
  for (const assignment of all) {
    const at = dealtWithAt(assignment, input.firstAnswerAt, input.now)
    if (at !== undefined) dealt.set(assignment.uuid, at)
  }
  const ordered = all
    .filter(({ uuid }) => dealt.has(uuid))
    .sort((a, b) => (dealt.get(a.uuid) ?? 0) - (dealt.get(b.uuid) ?? 0) || byPlan(a, b))
  const numbers = new Map(ordered.map(({ uuid }, at) => [uuid, at + 1]))
  for (const { uuid } of all) if (!dealt.has(uuid)) numbers.set(uuid, ordered.length + 1)
  return { type: 'student_driven', ordered, numbers }
}

/**
 * The assignments k = 1, 2, … before this one. Those that open later than it are skipped and not counted (design D28).
 */
export function assignmentsBefore(history: NumberedHistory, assignment: Assignment): Assignment[] {
  const number = history.numbers.get(assignment.uuid) ?? 1
  const before: Assignment[] = []
  for (let at = number - 2; at >= 0 && before.length < kAgoMax; at -= 1) {
    const earlier = history.ordered[at]
    if (earlier !== undefined && !opensLater(earlier, assignment)) before.push(earlier)
  }
  return before
}

export interface HistoryEntry {
  readonly assignment: Uuid | undefined
  /** In the ecosystem of the assignment that looks back. */
  readonly containers: readonly Uuid[]
}

export interface MappingInput {
  readonly assignment: Assignment
  readonly index: EcosystemIndex
  readonly mapping: Mapping
  readonly exclusions: StudentExclusions
}

/** What an assignment may practise again: entries k = 0…5, each container at its most recent k only (§6.3). */
export function mappedHistory(history: NumberedHistory, input: MappingInput): HistoryEntry[] {
  const { assignment, index, mapping, exclusions } = input
  const seen = new Set<Uuid>(assignment.containers)
  const entries: HistoryEntry[] = [{ assignment: assignment.uuid, containers: [...seen] }]
  const before = assignmentsBefore(history, assignment)
  for (let k = 1; k <= kAgoMax; k += 1) {
    const earlier = before[k - 1]
    const images = (earlier?.containers ?? []).map((one) =>
      mapping.image(one, earlier?.ecosystem ?? index.ecosystem, assignment.ecosystem),
    )
    const containers: Uuid[] = []
    for (const container of images) {
      if (container === undefined || seen.has(container)) continue
      const pool = poolFor(index, container, assignment.type)
      if (!pool.some((exercise) => exclusionOf(exclusions, exercise) === undefined)) continue
      seen.add(container)
      containers.push(container)
    }
    entries.push({ assignment: earlier?.uuid, containers })
  }
  return entries
}

function completion(
  assignment: Assignment,
  firstAnswerAt: { get(trial: Uuid): Instant | undefined },
): Instant | undefined {
  let latest: Instant | undefined
  for (const { trial, isSpe } of assignment.exercises) {
    if (isSpe) continue
    const at = firstAnswerAt.get(trial)
    if (at === undefined || at > (assignment.dueAt ?? at)) return undefined
    latest = Math.max(latest ?? at, at)
  }
  return latest
}

function relevant(input: HistoryInput): Assignment[] {
  return input.assignments.filter(({ type, isDeleted }) => type === input.assignmentType && !isDeleted)
}

function byPlan(a: Assignment, b: Assignment): number {
  return (
    nullsLast(a.dueAt, b.dueAt) ||
    nullsLast(a.opensAt, b.opensAt) ||
    a.createdAt - b.createdAt ||
    a.firstNumber - b.firstNumber ||
    (a.uuid < b.uuid ? -1 : a.uuid > b.uuid ? 1 : 0)
  )
}

function nullsLast(a: Instant | undefined, b: Instant | undefined): number {
  if (a === b) return 0
  return (a ?? Number.POSITIVE_INFINITY) - (b ?? Number.POSITIVE_INFINITY)
}

function opensLater(earlier: Assignment, assignment: Assignment): boolean {
  return earlier.opensAt !== undefined && assignment.opensAt !== undefined && earlier.opensAt > assignment.opensAt
}
