import type { Answers, ClueAnswer, PickAnswer } from '#answers/answers.ts'
import { unknownClue } from '#domain/clue.ts'
import type { StoredEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'

/*
 * The statuses of api.md §6.16–6.25 from stored events alone, with no algorithm behind them: everything known is
 * unready. Contract tests put uploaded results before it.
 */
export function createMemoryAnswers(events: () => Iterable<StoredEvent>): Answers {
  const clueOf = (line: { bookContainer: Uuid }, subject: Uuid): ClueAnswer => {
    const known = knownFrom(events())
    const ecosystem = known.bookContainers.get(line.bookContainer)
    const base = { calculation: undefined, clue: unknownClue, ecosystem }
    if (ecosystem === undefined) return { ...base, status: 'book_container_unknown' }
    return { ...base, status: known.subjects.has(subject) ? 'unready' : 'subject_unknown' }
  }
  const pickOf = (subject: Uuid): PickAnswer => ({
    status: knownFrom(events()).subjects.has(subject) ? 'unready' : 'unknown',
    calculation: undefined,
    matrix: undefined,
    exercises: [],
    spyInfo: {},
  })
  return {
    studentClues: async (lines) => lines.map((line) => clueOf(line, line.student)),
    teacherClues: async (lines) => lines.map((line) => clueOf(line, line.courseContainer)),
    assignmentPes: async (lines) => lines.map((line) => pickOf(line.assignment)),
    assignmentSpes: async (lines) => lines.map((line) => pickOf(line.assignment)),
    worstAreas: async (lines) => lines.map((line) => pickOf(line.student)),
  }
}

interface Known {
  readonly subjects: Set<Uuid>
  /** Book container → its ecosystem; the first ecosystem keeps it. */
  readonly bookContainers: Map<Uuid, Uuid>
}

function knownFrom(events: Iterable<StoredEvent>): Known {
  const known: Known = { subjects: new Set(), bookContainers: new Map() }
  for (const event of events) {
    if (event.type === 'update_roster') {
      addUuids(known.subjects, event.data['course_containers'], 'container_uuid')
      addUuids(known.subjects, event.data['students'], 'student_uuid')
    }
    if (event.type === 'create_update_assignment') addUuids(known.subjects, [event.data], 'assignment_uuid')
    if (event.type === 'create_ecosystem') addContainers(known.bookContainers, event)
  }
  return known
}

function addUuids(set: Set<Uuid>, items: unknown, key: string): void {
  for (const item of Array.isArray(items) ? items : []) set.add(toUuid(item[key]))
}

function addContainers(containers: Map<Uuid, Uuid>, event: StoredEvent): void {
  const { contents } = event.data['book'] as { contents: { container_uuid: string }[] }
  for (const { container_uuid: uuid } of contents) {
    if (!containers.has(toUuid(uuid))) containers.set(toUuid(uuid), event.stream)
  }
}
