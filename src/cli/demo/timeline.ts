import type { AssignmentUpdate, ResponseRecord } from '#client/wire.ts'
import type { DemoBook } from './book.ts'
import { type DemoCourse, type DemoStudent, isoTime } from './enrolment.ts'
import type { Naming } from './identity.ts'
import type { Study } from './study.ts'
import {
  answeredAt,
  hasOpenAssignment,
  type PlannedAssignment,
  planAssignments,
  type Term,
  trainingCount,
} from './term.ts'

/**
 * A course's assignments and answers in the order in which they happened, cut into batches for the wire. An assignment
 * is announced in the same batch as its first answer, just before it. Numbers follow that order without a gap. Pure.
 */
export interface Batch {
  readonly assignments: readonly AssignmentUpdate[]
  readonly responses: readonly ResponseRecord[]
}

export interface World {
  readonly study: Study
  readonly naming: Naming
  readonly term: Term
  readonly book: DemoBook
}

export interface CourseTimeline {
  readonly course: DemoCourse
  /** Sequence number of the first held-out event: below it is what the server may learn from. */
  readonly heldOutFrom: number
  /** One after the highest number. */
  readonly end: number
  readonly trainingAnswers: number
  readonly heldOutAnswers: number
  /** Built as they are asked for: the whole of a large file would not fit in memory comfortably. */
  training(): Iterable<Batch>
  heldOut(): Iterable<Batch>
}

/** The server takes up to 1000 items a request. */
const responsesPerBatch = 1000

interface Moment {
  readonly student: DemoStudent
  readonly answer: number
  readonly atMs: number
  /** The assignment that begins with this answer. */
  readonly opens: PlannedAssignment | undefined
}

export function buildTimeline(world: World, course: DemoCourse, firstNumber: number): CourseTimeline {
  const moments = course.students.flatMap((student) => momentsOf(world, student))
  const inTime = (one: Moment, other: Moment) => one.atMs - other.atMs || one.student.learner - other.student.learner
  const isTraining = ({ student, answer }: Moment) =>
    answer < trainingCount(world.study.learners[student.learner]!.answers.length)
  const training = moments.filter(isTraining).sort(inTime)
  const heldOut = moments.filter((moment) => !isTraining(moment)).sort(inTime)
  const heldOutFrom = firstNumber + eventCount(training)
  return {
    course,
    heldOutFrom,
    end: heldOutFrom + eventCount(heldOut),
    trainingAnswers: training.length,
    heldOutAnswers: heldOut.length,
    training: () => batches(world, course, { moments: training, firstNumber }),
    heldOut: () => batches(world, course, { moments: heldOut, firstNumber: heldOutFrom }),
  }
}

export function assignmentUuid(naming: Naming, student: DemoStudent, planned: PlannedAssignment): string {
  return naming(`assignment/${student.uuid}/${planned.index}`)
}

export function assignmentsOf(world: World, student: DemoStudent): PlannedAssignment[] {
  return planAssignments({
    term: world.term,
    answerCount: world.study.learners[student.learner]!.answers.length,
    exercisesMax: world.study.shape.exercisesPerAssignment,
    staysOpen: hasOpenAssignment(student.learner),
  })
}

function momentsOf(world: World, student: DemoStudent): Moment[] {
  const { answers } = world.study.learners[student.learner]!
  const opening = new Map(assignmentsOf(world, student).map((planned) => [planned.from, planned]))
  return answers.map((_, answer) => ({
    student,
    answer,
    atMs: answeredAt(world.term, answer, answers.length),
    opens: opening.get(answer),
  }))
}

function eventCount(moments: readonly Moment[]): number {
  return moments.length + moments.filter((moment) => moment.opens !== undefined).length
}

function* batches(
  world: World,
  course: DemoCourse,
  { moments, firstNumber }: { moments: readonly Moment[]; firstNumber: number },
): Iterable<Batch> {
  let number = firstNumber
  for (let start = 0; start < moments.length; start += responsesPerBatch) {
    const slice = moments.slice(start, start + responsesPerBatch)
    const assignments = slice.flatMap(({ student, opens }) => {
      if (opens === undefined) return []
      const sequenced = { course_uuid: course.uuid, sequence_number: number }
      number += 1
      return [assignmentUpdate(world, student, { planned: opens, sequenced })]
    })
    const responses = slice.map((moment) => {
      const sequenced = { course_uuid: course.uuid, sequence_number: number }
      number += 1
      return responseRecord(world, moment, sequenced)
    })
    yield { assignments, responses }
  }
}

interface Sequenced {
  readonly course_uuid: string
  readonly sequence_number: number
}

function assignmentUpdate(
  world: World,
  student: DemoStudent,
  { planned, sequenced }: { planned: PlannedAssignment; sequenced: Sequenced },
): AssignmentUpdate {
  const { study, naming, book } = world
  const answers = study.learners[student.learner]!.answers.slice(planned.from, planned.to)
  const pages = new Set(answers.flatMap((answer) => study.questions[answer.question]!.pages))
  const assignment = assignmentUuid(naming, student, planned)
  return {
    ...sequenced,
    request_uuid: naming(`request/${assignment}`),
    assignment_uuid: assignment,
    ecosystem_uuid: book.ecosystem,
    student_uuid: student.uuid,
    is_deleted: false,
    assignment_type: planned.type,
    exclusion_info: {
      opens_at: isoTime(planned.opensAtMs),
      due_at: isoTime(planned.dueAtMs),
      feedback_at: isoTime(planned.feedbackAtMs),
    },
    pes: {},
    spes: {},
    assigned_book_container_uuids: [...pages].map((page) => book.pages[page]!),
    // Past assignments are complete as they are; the open one still waits for its personal and spaced exercises.
    goal_num_tutor_assigned_spes: planned.isOpen ? 2 : 0,
    goal_num_tutor_assigned_pes: planned.isOpen ? 3 : 0,
    spes_are_assigned: !planned.isOpen,
    pes_are_assigned: !planned.isOpen,
    assigned_exercises: answers.map((answer, index) => ({
      trial_uuid: trialUuid(naming, student, planned.from + index),
      exercise_uuid: book.exercises[answer.question]!,
      is_spe: false,
      is_pe: false,
    })),
    created_at: isoTime(planned.opensAtMs),
    updated_at: isoTime(planned.opensAtMs),
  }
}

function responseRecord(world: World, moment: Moment, sequenced: Sequenced): ResponseRecord {
  const { study, naming, book } = world
  const { student, answer } = moment
  const { question, isCorrect } = study.learners[student.learner]!.answers[answer]!
  return {
    ...sequenced,
    response_uuid: naming(`response/${student.uuid}/${answer}`),
    ecosystem_uuid: book.ecosystem,
    trial_uuid: trialUuid(naming, student, answer),
    student_uuid: student.uuid,
    exercise_uuid: book.exercises[question]!,
    is_correct: isCorrect,
    is_real_response: true,
    responded_at: isoTime(moment.atMs),
  }
}

function trialUuid(naming: Naming, student: DemoStudent, answer: number): string {
  return naming(`trial/${student.uuid}/${answer}`)
}
