import type { Client } from '#client/client.ts'
import type { CallOptions } from '#client/transport.ts'
import type { AssignmentPicks, ClueReply, StudentPicks } from '#client/wire-reads.ts'
import type { DemoCourse } from './enrolment.ts'
import { pagesAhead } from './prediction.ts'
import type { Stage } from './progress.ts'
import { assignmentsOf, assignmentUuid, type World } from './timeline.ts'

/** What a learning platform reads back: CLUEs of students and classes, personalised and spaced picks, worst areas. */
export interface Reading {
  readonly client: Client
  readonly world: World
  readonly courses: readonly DemoCourse[]
  readonly call: CallOptions
}

export const clueAlgorithm = 'biglearn_sparfa'
export const spacedAlgorithm = 'student_driven_biglearn_sparfa'

/** Lines of one request, and so of one step of the progress bar. */
const linesPerRequest = 1000

export interface PageClues {
  /** `mostLikely` of (learner, page). */
  mostLikely(learner: number, page: number): number
  readonly asked: number
  readonly ready: number
}

/** The CLUEs of every page that each learner's held-out questions belong to. */
export async function fetchCluesAhead(reading: Reading, startStage: (total: number) => Stage): Promise<PageClues> {
  const { world, client, call } = reading
  const asked = reading.courses.flatMap(({ students }) =>
    students.flatMap((student) =>
      pagesAhead(world.study, student.learner).map((page) => ({ student, page, key: `${student.learner}/${page}` })),
    ),
  )
  const stage = startStage(asked.length)
  const clues = new Map<string, ClueReply>()
  await Promise.all(
    chunks(asked, linesPerRequest).map(async (chunk) => {
      const replies = await client.fetchStudentClues(
        chunk.map(({ student, page, key }) => ({
          request_uuid: world.naming(`clue/${key}`),
          student_uuid: student.uuid,
          book_container_uuid: world.book.pages[page]!,
          algorithm_name: clueAlgorithm,
        })),
        call,
      )
      for (const [index, { key }] of chunk.entries()) clues.set(key, replies[index]!)
      stage.advance(chunk.length)
    }),
  )
  stage.end()
  return {
    mostLikely: (learner, page) => clues.get(`${learner}/${page}`)!.clue_data.most_likely,
    asked: asked.length,
    ready: [...clues.values()].filter((clue) => clue.clue_status === 'clue_ready').length,
  }
}

export interface ChapterClue {
  readonly period: number
  readonly chapter: string
  readonly reply: ClueReply
}

/** Each period of the first course, each chapter. */
export async function fetchClassClues({ client, world, courses, call }: Reading): Promise<ChapterClue[]> {
  const asked = courses[0]!.periods.flatMap((uuid, period) =>
    world.book.chapters.map((chapter) => ({ uuid, period, chapter })),
  )
  const replies = await client.fetchTeacherClues(
    asked.map(({ uuid, chapter }) => ({
      request_uuid: world.naming(`teacher clue/${uuid}/${chapter.uuid}`),
      course_container_uuid: uuid,
      book_container_uuid: chapter.uuid,
      algorithm_name: clueAlgorithm,
    })),
    call,
  )
  return asked.map(({ period, chapter }, index) => ({
    period: period + 1,
    chapter: chapter.title,
    reply: replies[index]!,
  }))
}

export interface OpenAssignmentPicks {
  readonly openAssignments: number
  readonly withheldAnswers: number
  readonly pes: readonly AssignmentPicks[]
  readonly spes: readonly AssignmentPicks[]
}

/** Personalised and spaced exercises for the assignments that are still open. */
export async function fetchPicks({ client, world, courses, call }: Reading): Promise<OpenAssignmentPicks> {
  const open = courses.flatMap(({ students }) =>
    students.flatMap((student) =>
      assignmentsOf(world, student)
        .filter((planned) => planned.isOpen)
        .map((planned) => ({
          uuid: assignmentUuid(world.naming, student, planned),
          answers: planned.to - planned.from,
        })),
    ),
  )
  const lines = (kind: string, algorithm: string) =>
    open.map(({ uuid }) => ({
      request_uuid: world.naming(`${kind}/${uuid}`),
      assignment_uuid: uuid,
      algorithm_name: algorithm,
    }))
  return {
    openAssignments: open.length,
    withheldAnswers: open.reduce((sum, { answers }) => sum + answers, 0),
    pes: await client.fetchAssignmentPes(lines('pe', clueAlgorithm), call),
    spes: await client.fetchAssignmentSpes(lines('spe', spacedAlgorithm), call),
  }
}

/** Practice for the first students of each course. */
export async function fetchWorstAreas({ client, world, courses, call }: Reading): Promise<StudentPicks[]> {
  const students = courses.flatMap((course) => course.students.slice(0, 100))
  return await client.fetchPracticeWorstAreasExercises(
    students.map((student) => ({
      request_uuid: world.naming(`worst areas/${student.uuid}`),
      student_uuid: student.uuid,
      algorithm_name: clueAlgorithm,
    })),
    call,
  )
}

function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  const parts: Item[][] = []
  for (let start = 0; start < items.length; start += size) parts.push(items.slice(start, start + size))
  return parts
}
