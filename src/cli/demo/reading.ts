import type { Client } from '#client/client.ts'
import { fetchPicks, type ReadyPicks } from '#client/reads.ts'
import type { CallOptions, Clock } from '#client/transport.ts'
import type { ClueReply, StudentPicks } from '#client/wire-reads.ts'
import type { DemoCourse } from './enrolment.ts'
import { pagesAhead } from './prediction.ts'
import type { Progress, Stage } from './progress.ts'
import { assignmentsOf, assignmentUuid, type World } from './timeline.ts'

/** What a learning platform reads back: CLUEs of students and classes, personalised and spaced picks, worst areas. */
export interface Reading {
  readonly client: Client
  readonly world: World
  readonly courses: readonly DemoCourse[]
  readonly call: CallOptions
  readonly clock: Clock
  readonly progress: Progress
}

const clueAlgorithm = 'biglearn_sparfa'
const spacedAlgorithm = 'student_driven_biglearn_sparfa'

/**
 * Lines of one request, and so of one step of the progress bar. A platform asks for one page view or one student at a
 * time; thousands of picks in one request would only run into its time limit.
 */
const cluesPerRequest = 200
const picksPerRequest = 10
/** A sample is enough to see what worst areas look like. */
const worstAreaStudentsMax = 100

export interface PageClues {
  /** `mostLikely` of (learner, page). */
  mostLikely(learner: number, page: number): number
  readonly asked: number
  readonly ready: number
}

/** The CLUEs of every page that each learner's held-out questions belong to. */
export async function fetchCluesAhead(reading: Reading): Promise<PageClues> {
  const { world, client, call, progress } = reading
  const asked = reading.courses.flatMap(({ students }) =>
    students.flatMap((student) =>
      pagesAhead(world.study, student.learner).map((page) => ({ student, page, key: `${student.learner}/${page}` })),
    ),
  )
  const lines = asked.map(({ student, page, key }) => ({
    request_uuid: world.naming(`clue/${key}`),
    student_uuid: student.uuid,
    book_container_uuid: world.book.pages[page]!,
    algorithm_name: clueAlgorithm,
  }))
  const stage = progress.stage('CLUEs', lines.length)
  const replies = await inParts(lines, { size: cluesPerRequest, stage }, (part) => client.fetchStudentClues(part, call))
  const clues = new Map(asked.map(({ key }, index) => [key, replies[index]!]))
  return {
    mostLikely: (learner, page) => clues.get(`${learner}/${page}`)!.clue_data.most_likely,
    asked: asked.length,
    ready: replies.filter((clue) => clue.clue_status === 'clue_ready').length,
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
  readonly pes: readonly ReadyPicks[]
  readonly spes: readonly ReadyPicks[]
}

/** Personalised and spaced exercises for the assignments that are still open, asked for as a platform does. */
export async function fetchOpenPicks({
  client,
  clock,
  world,
  courses,
  call,
  progress,
}: Reading): Promise<OpenAssignmentPicks> {
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
  const ask = async (kind: 'pes' | 'spes', algorithm: string) => {
    const lines = open.map(({ uuid }) => ({
      request_uuid: world.naming(`${kind}/${uuid}`),
      assignment_uuid: uuid,
      algorithm_name: algorithm,
    }))
    const parts = { size: picksPerRequest, stage: progress.stage(kind, lines.length) }
    const options = { ...patience, client, clock, kind, fallback: () => [], ...call }
    return await inParts(lines, parts, (part) => fetchPicks(part, options))
  }
  return {
    openAssignments: open.length,
    withheldAnswers: open.reduce((sum, { answers }) => sum + answers, 0),
    pes: await ask('pes', clueAlgorithm),
    spes: await ask('spes', spacedAlgorithm),
  }
}

/** As long as a student would wait for the exercises of an assignment that was announced a moment ago. */
const patience = { attemptsMax: 30, pauseMs: 1000, deadlineMs: 120_000 }

/** Practice for the first students of each course. */
export async function fetchWorstAreas({ client, world, courses, call, progress }: Reading): Promise<StudentPicks[]> {
  const perCourse = Math.ceil(worstAreaStudentsMax / courses.length)
  const lines = courses.flatMap((course) =>
    course.students.slice(0, perCourse).map((student) => ({
      request_uuid: world.naming(`worst areas/${student.uuid}`),
      student_uuid: student.uuid,
      algorithm_name: clueAlgorithm,
    })),
  )
  const stage = progress.stage('worst areas', lines.length)
  const parts = { size: picksPerRequest, stage }
  return await inParts(lines, parts, (part) => client.fetchPracticeWorstAreasExercises(part, call))
}

/** All parts at once, as far as the client lets them; the answers in the order of the lines. */
async function inParts<Line, Reply>(
  lines: readonly Line[],
  { size, stage }: { readonly size: number; readonly stage: Stage },
  fetch: (part: readonly Line[]) => Promise<readonly Reply[]>,
): Promise<Reply[]> {
  const starts = Array.from({ length: Math.ceil(lines.length / size) }, (_, index) => index * size)
  const replies = await Promise.all(
    starts.map(async (start) => {
      const part = lines.slice(start, start + size)
      const answered = await fetch(part)
      stage.advance(part.length)
      return answered
    }),
  ).finally(() => stage.end())
  return replies.flat()
}
