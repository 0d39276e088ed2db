import { needOfPes, needOfSpes } from '#choose/need.ts'
import { type Seed, seedOf } from '#choose/random.ts'
import type { StoredEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Instant } from '#domain/student.ts'
import { parseCourseEvent } from '#learning/parse-event.ts'
import { readWhile } from '#learning/past-reader.ts'
import type { CourseCursor, LearningReader } from '#learning/reader.ts'
import type { Log } from '#log/log.ts'
import { Sample } from './sample.ts'

/*
 * Where to look at what would have been answered: before an answer, which is what a prediction is for, and after an
 * assignment came for which exercises are to be chosen. `position` is the last event that is known there.
 */
interface Place {
  readonly course: Uuid
  readonly position: number
  readonly at: Instant
  readonly student: Uuid
}

export interface AnswerPlace extends Place {
  readonly kind: 'answer'
  readonly exercise: Uuid
  readonly ecosystem: Uuid
  /** What the student then answered. */
  readonly isCorrect: boolean
}

export interface AssignmentPlace extends Place {
  readonly kind: 'assignment'
  readonly assignment: Uuid
}

export type Position = AnswerPlace | AssignmentPlace

export interface Period {
  /** Of recording; `from` inclusive, `to` exclusive. */
  readonly from: Instant
  readonly to: Instant
}

/** Courses drawn from all, in no order that means anything. */
export async function drawCourses(
  reader: Pick<LearningReader, 'courseHeads'>,
  { seed, max }: { readonly seed: string; readonly max: number },
): Promise<Uuid[]> {
  const sample = new Sample<Uuid>(seedOf('courses', seed), max)
  let after: CourseCursor = { part: 0, course: nil }
  for (;;) {
    const heads = await reader.courseHeads(after, 1000)
    const last = heads.at(-1)
    if (last === undefined) return sample.items()
    for (const { course } of heads) sample.offer(course, course)
    after = last
  }
}

const nil = '00000000-0000-0000-0000-000000000000' as Uuid

export interface Drawn {
  readonly positions: readonly Position[]
  readonly answers: number
  readonly assignments: number
}

export class PositionSampler {
  readonly #answers: Sample<Position>
  readonly #assignments: Sample<Position>
  readonly #period: Period

  constructor(seed: string, max: number, period: Period) {
    const seeds: readonly [Seed, Seed] = [seedOf('answers', seed), seedOf('assignments', seed)]
    this.#answers = new Sample(seeds[0], max)
    this.#assignments = new Sample(seeds[1], max)
    this.#period = period
  }

  offer(event: StoredEvent): void {
    const at = event.recordedAt.getTime()
    if (at < this.#period.from || at >= this.#period.to) return
    const position = positionOf(event, at)
    if (position === undefined) return
    const sample = position.kind === 'answer' ? this.#answers : this.#assignments
    sample.offer(`${event.stream} ${event.number}`, position)
  }

  /** In the order of courses and events. */
  drawn(): Drawn {
    const positions = [...this.#answers.items(), ...this.#assignments.items()]
    positions.sort((a, b) => (a.course === b.course ? a.position - b.position : a.course < b.course ? -1 : 1))
    return { positions, answers: this.#answers.seen, assignments: this.#assignments.seen }
  }
}

function positionOf(event: StoredEvent, at: Instant): Position | undefined {
  const fact = parseCourseEvent(event)
  const { stream: course, number } = event
  if (fact.type === 'response_recorded') {
    const { exercise, ecosystem, isCorrect } = fact.answer
    const { student } = fact
    return { kind: 'answer', course, position: number - 1, at, student, exercise, ecosystem, isCorrect }
  }
  if (fact.type !== 'assignment_updated') return undefined
  const assignment = { ...fact.assignment, firstNumber: number, lastNumber: number }
  if (needOfPes(assignment) !== 'choose' && needOfSpes(assignment) !== 'choose') return undefined
  return { kind: 'assignment', course, position: number, at, student: assignment.student, assignment: assignment.uuid }
}

/** All events of a course, kept in memory for the looks back at it. */
export async function readCourse(
  log: Pick<Log, 'readStream'>,
  course: Uuid,
  to: Instant,
): Promise<readonly StoredEvent[]> {
  const isBefore = ({ recordedAt }: StoredEvent): boolean => recordedAt.getTime() < to
  return Array.fromAsync(readWhile(log, course, isBefore))
}
