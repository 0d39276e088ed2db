import { type AnswerKind, algorithmOfArm, type RunningExperiment } from '#choose/experiment.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Instant } from '#domain/student.ts'
import type { Experiments } from '#due/experiments.ts'
import type { PastReader } from '#learning/past-reader.ts'
import type { Answers, AnswerView, Assigned } from './answers.ts'
import type { Freshness, Waits } from './freshness.ts'
import type { StudentRecords } from './student-records.ts'

/*
 * Lines that ask for `assigned` are answered by the algorithm that an experiment gives their course or student, and say
 * which one that was; without an experiment by the default algorithm. Lines that name an algorithm pass untouched.
 * Nobody is recorded by looking back, nor for a subject that is not known.
 */
export interface AssignedPorts {
  readonly experiments: Experiments
  readonly unitsAt: (asOf: Instant | undefined) => UnitSource
  readonly freshness: Freshness
  readonly clock: { now(): number }
  readonly algorithmDefault: string
}

/** Where students and courses of subjects are looked up. */
export interface UnitSource {
  readonly reader: Pick<PastReader, 'courseContainer'>
  readonly records: Pick<StudentRecords, 'load' | 'ofAssignments' | 'ofContainer'>
}

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
      const armOf = await armsFor(ports, kind, { subjects: [...new Set(subjects)], view })
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
  readonly view: AnswerView | undefined
}

async function armsFor(
  ports: AssignedPorts,
  kind: AnswerKind,
  { subjects, view }: Asked,
): Promise<(subject: Uuid) => Assigned> {
  const asOf = view?.asOf
  const byDefault: Assigned = { algorithm: ports.algorithmDefault, experiment: undefined }
  // A subject that was acknowledged before must be found, or it would be answered apart from its course.
  const waits = asOf === undefined ? ports.freshness.begin(view?.behind) : undefined
  const look = asOf === undefined ? ports.experiments.arms : ports.experiments.armsThen
  for (let turn = 1; ; turn += 1) {
    const running = await ports.experiments.running(kind, asOf ?? ports.clock.now())
    if (running === undefined) return () => byDefault
    const units = await unitsOf(ports.unitsAt(asOf), { kind, subjects, running, waits })
    const wanted = [...new Set(units.values())]
    const arms = wanted.length === 0 ? new Map<Uuid, string>() : await look(running, wanted)
    // The experiment got another version, or ended, and this process had not noticed.
    if (arms.size < wanted.length && turn < turnsMax) continue
    const experiment = { name: running.experiment.name, version: running.version.version }
    return (subject) => {
      const unit = units.get(subject)
      const algorithm = unit && arms.get(unit)
      return algorithm === undefined ? byDefault : { algorithm, experiment }
    }
  }
}

const turnsMax = 2

interface UnitsAsked {
  readonly kind: AnswerKind
  readonly subjects: readonly Uuid[]
  readonly running: RunningExperiment
  readonly waits: Waits | undefined
}

/** The course or student that each subject belongs to; subjects that are not known are absent. */
async function unitsOf(source: UnitSource, asked: UnitsAsked): Promise<Map<Uuid, Uuid>> {
  const { kind, subjects, running, waits } = asked
  const units = new Map<Uuid, Uuid>()
  if (kind === 'teacher_clue') {
    for (const subject of subjects) {
      const course = await courseOfContainer(source, subject, waits)
      if (course !== undefined) units.set(subject, course)
    }
    return units
  }
  const isOfAssignments = kind === 'pe' || kind === 'spe'
  const { records } = source
  const found = isOfAssignments ? records.ofAssignments(subjects, waits) : records.load(subjects, waits)
  for (const [subject, record] of await found) {
    if (record !== undefined)
      units.set(subject, running.experiment.unit === 'course' ? record.course.uuid : record.student.uuid)
  }
  return units
}

async function courseOfContainer(
  { reader, records }: UnitSource,
  container: Uuid,
  waits: Waits | undefined,
): Promise<Uuid | undefined> {
  const [member] = (await records.ofContainer(container, waits)) ?? []
  // A class without students belongs to a course all the same.
  return member === undefined ? (await reader.courseContainer(container))?.container.course : member.course.uuid
}
