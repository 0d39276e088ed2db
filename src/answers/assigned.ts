import { type AnswerKind, algorithmOfArm, type RunningExperiment } from '#choose/experiment.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Instant } from '#domain/student.ts'
import type { Experiments } from '#due/experiments.ts'
import type { PastReader } from '#learning/past-reader.ts'
import type { Answers, AnswerView, Assigned } from './answers.ts'
import type { Freshness } from './open.ts'

/*
 * Lines that ask for `assigned` are answered by the algorithm that an experiment gives their course or student, and say
 * which one that was; without an experiment by the default algorithm. Lines that name an algorithm pass untouched.
 * Nobody is recorded by looking back, nor for a subject that is not known.
 */
export interface AssignedPorts {
  readonly experiments: Experiments
  readonly readerAt: (asOf: Instant | undefined) => UnitReader
  readonly freshness: Freshness
  readonly clock: { now(): number }
  readonly algorithmDefault: string
}

/** Where students and courses of subjects are looked up. */
export type UnitReader = Pick<PastReader, 'students' | 'assignments' | 'courseContainer'>

export function withAssigned(answers: Answers, ports: AssignedPorts): Answers {
  const assigning =
    <Line extends AlgorithmLine, Answer>(
      kind: AnswerKind,
      subjectOf: (line: Line) => Uuid,
      inner: (lines: readonly Line[], view?: AnswerView) => Promise<Answer[]>,
    ) =>
    async (lines: readonly Line[], view?: AnswerView): Promise<Answer[]> => {
      const asked = lines.map(({ algorithm }) => assignedName.exec(algorithm ?? ''))
      if (asked.every((match) => match === null)) return inner(lines, view)
      const subjects = lines.flatMap((line, index) => (asked[index] ? subjectOf(line) : []))
      const armOf = await armsFor(ports, kind, { subjects: [...new Set(subjects)], asOf: view?.asOf })
      const given = lines.map((line, index): Assigned | undefined => {
        const match = asked[index]
        if (!match) return undefined
        const { algorithm, experiment } = armOf(subjectOf(line))
        return { algorithm: algorithmOfArm(kind, algorithm, match[1]?.toLowerCase()), experiment }
      })
      const answered = await inner(
        lines.map((line, index) => ({ ...line, algorithm: given[index]?.algorithm ?? line.algorithm })),
        view,
      )
      return answered.map((answer, index) => (given[index] ? { ...answer, assigned: given[index] } : answer))
    }
  return {
    studentClues: assigning('student_clue', ({ student }) => student, answers.studentClues),
    teacherClues: assigning('teacher_clue', ({ courseContainer }) => courseContainer, answers.teacherClues),
    assignmentPes: assigning('pe', ({ assignment }) => assignment, answers.assignmentPes),
    assignmentSpes: assigning('spe', ({ assignment }) => assignment, answers.assignmentSpes),
    worstAreas: assigning('worst_areas', ({ student }) => student, answers.worstAreas),
  }
}

interface AlgorithmLine {
  readonly algorithm: string | undefined
}

/** For spaced exercises a client may say which history it wants, as with any algorithm. */
const assignedName = /^(?:(student_driven|instructor_driven)_)?assigned$/i

interface Asked {
  readonly subjects: readonly Uuid[]
  readonly asOf: Instant | undefined
}

async function armsFor(
  ports: AssignedPorts,
  kind: AnswerKind,
  { subjects, asOf }: Asked,
): Promise<(subject: Uuid) => Assigned> {
  const byDefault: Assigned = { algorithm: ports.algorithmDefault, experiment: undefined }
  const running = await ports.experiments.running(kind, asOf ?? ports.clock.now())
  if (running === undefined) return () => byDefault
  // A subject that was acknowledged before must be found, or it would be answered apart from its course.
  if (asOf === undefined) await ports.freshness.untilFresh(subjects)
  const units = await unitsOf(ports.readerAt(asOf), { kind, subjects, running })
  const wanted = [...new Set(units.values())]
  const look = asOf === undefined ? ports.experiments.arms : ports.experiments.armsThen
  const arms = wanted.length === 0 ? new Map<Uuid, string>() : await look(running, wanted)
  const experiment = { name: running.experiment.name, version: running.version.version }
  return (subject) => {
    const unit = units.get(subject)
    const algorithm = unit && arms.get(unit)
    return algorithm === undefined ? byDefault : { algorithm, experiment }
  }
}

interface UnitsAsked {
  readonly kind: AnswerKind
  readonly subjects: readonly Uuid[]
  readonly running: RunningExperiment
}

/** The course or student that each subject belongs to; subjects that are not known are absent. */
async function unitsOf(reader: UnitReader, { kind, subjects, running }: UnitsAsked): Promise<Map<Uuid, Uuid>> {
  const isOfCourses = running.experiment.unit === 'course'
  if (kind === 'teacher_clue') {
    const found = await Promise.all(subjects.map((subject) => reader.courseContainer(subject)))
    return new Map(found.flatMap((one) => (one ? [[one.container.uuid, one.container.course]] : [])))
  }
  const isOfAssignments = kind === 'pe' || kind === 'spe'
  const assignments = isOfAssignments ? await reader.assignments(subjects) : undefined
  const studentOf = (subject: Uuid) => (assignments === undefined ? subject : assignments.get(subject)?.student)
  const students = await reader.students([...new Set(subjects.flatMap((subject) => studentOf(subject) ?? []))])
  const units = new Map<Uuid, Uuid>()
  for (const subject of subjects) {
    const student = students.get(studentOf(subject) ?? subject)
    if (student !== undefined) units.set(subject, isOfCourses ? student.course : student.uuid)
  }
  return units
}
