import type { Instant } from '#domain/student.ts'
import type { MatrixStore } from '#due/matrix-store.ts'
import type { Results } from '#due/results.ts'
import type { SubmittedClues } from '#due/submitted-clues.ts'
import type { SubmittedOrderings } from '#due/submitted-orderings.ts'
import type { PastReader } from '#learning/past-reader.ts'
import type { LearningReader } from '#learning/reader.ts'
import type { Answers, AnswerView, Forecasts, StudentClueLine, TeacherClueLine } from './answers.ts'
import { forecast, studentClues, teacherClues } from './clue-answers.ts'
import { type Explanations, explainClue, explainExercises } from './explain.ts'
import { type Freshness, settled, type Waits } from './freshness.ts'
import type { InProcessAlgorithm, InProcessAlgorithms } from './in-process.ts'
import type { KeptViews } from './kept-views.ts'
import { assignmentPes, assignmentSpes, type PickPorts, worstAreasPicks } from './pick-answers.ts'
import { withSubmitted } from './submitted.ts'

/** What the answers of one process are made from. */
export interface AnswerPorts extends KeptViews {
  readonly reader: PastReader
  /** For explanations, which are those of SPARFA. */
  readonly matrices: MatrixStore
  readonly algorithms: InProcessAlgorithms
  readonly submitted: Submitted
  readonly waits: Waits
  readonly clock: { now(): number }
}

/** What remote algorithms submitted for work handed out to them. */
export interface Submitted {
  readonly orderings: Pick<SubmittedOrderings, 'inUse'>
  readonly clues: Pick<SubmittedClues, 'read' | 'ofSubjects'>
  /** What they uploaded without having been asked. */
  readonly uploads: Pick<Results, 'readAllPicks'>
}

export interface AnswerOptions {
  readonly reader: LearningReader
  readonly views: KeptViews
  readonly submitted: Submitted
  /** Reader, what is kept of it, and algorithms as they were at some time. */
  readonly past: (instant: Instant) => Past
  readonly matrices: MatrixStore
  /** Those that answer in this process; the first one is the one people are shown. */
  readonly algorithms: readonly InProcessAlgorithm[]
  readonly freshness: Freshness
  readonly clock: { now(): number }
}

export interface Past {
  readonly reader: PastReader
  readonly views: KeptViews
  readonly algorithms: readonly InProcessAlgorithm[]
}

export function openAnswers(options: AnswerOptions): Answers & Forecasts & Explanations {
  const kept = portsOf({ ...options, waits: settled })
  // One instant for a whole answer that can be asked for again; the time of an ordinary one need not stand still.
  const portsFor = (view: AnswerView | undefined): AnswerPorts => {
    if (view?.asOf !== undefined) return portsOfPast(options.past(view.asOf), options.matrices, view.asOf)
    const ports = { ...kept, waits: options.freshness.begin(view?.behind) }
    return view?.explains === true ? atOneInstant(ports) : ports
  }
  // Exercises may have to be accounted for later, whether or not they are explained now.
  const picksFor = (view: AnswerView | undefined): PickPorts => ({
    ...(view?.asOf === undefined ? atOneInstant(portsFor(view)) : portsFor(view)),
    explains: view?.explains ?? false,
  })
  return {
    studentClues: (lines, view) => {
      const asked = portsFor(view)
      const compute = (rest: typeof lines) => studentClues(asked, rest, view?.explains ?? false)
      // What was submitted has no history, like what was uploaded.
      if (view?.asOf !== undefined) return compute(lines)
      return withSubmitted(asked, 'student_clues', ({ student }: StudentClueLine) => student, compute)(lines)
    },
    teacherClues: (lines, view) => {
      const asked = portsFor(view)
      const compute = (rest: typeof lines) => teacherClues(asked, rest, view?.explains ?? false)
      if (view?.asOf !== undefined) return compute(lines)
      const subjectOf = ({ courseContainer }: TeacherClueLine) => courseContainer
      return withSubmitted(asked, 'teacher_clues', subjectOf, compute)(lines)
    },
    assignmentPes: (lines, view) => assignmentPes(picksFor(view), lines),
    assignmentSpes: (lines, view) => assignmentSpes(picksFor(view), lines),
    worstAreas: (lines, view) => worstAreasPicks(picksFor(view), lines),
    forecast: (question) => forecast(kept, question),
    explainClue: (student, bookContainer) => explainClue(kept, student, bookContainer),
    explainExercises: (student, ecosystem, exercises) => explainExercises(kept, student, ecosystem, exercises),
  }
}

type PortOptions = Omit<AnswerOptions, 'reader' | 'past' | 'freshness'> & Pick<AnswerPorts, 'reader' | 'waits'>

function portsOf(options: PortOptions): AnswerPorts {
  return {
    ...options,
    ...options.views,
    algorithms: new Map(options.algorithms.map((algorithm) => [algorithm.name.toLowerCase(), algorithm])),
  }
}

function atOneInstant(ports: AnswerPorts): AnswerPorts {
  const now = ports.clock.now()
  return { ...ports, clock: { now: () => now } }
}

/** Nothing to wait for: what had been recorded by then does not change any more. What was submitted has no history. */
export function portsOfPast(past: Past, matrices: MatrixStore, instant: Instant): AnswerPorts {
  return portsOf({ ...past, matrices, submitted: nothingSubmitted, waits: settled, clock: { now: () => instant } })
}

const nothingSubmitted: Submitted = {
  orderings: { inUse: async () => new Map() },
  clues: { read: async (_kind, keys) => keys.map(() => undefined), ofSubjects: async () => [] },
  uploads: { readAllPicks: async () => new Map() },
}
