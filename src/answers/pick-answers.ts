import { type Candidates, type Ranking, rankingOf } from '#choose/candidates.ts'
import { clueInputs } from '#choose/clue-inputs.ts'
import { studentExclusions } from '#choose/exclusions.ts'
import { firstAnswers, type HistoryType, instructorHistory, mappedHistory, studentHistory } from '#choose/history.ts'
import { needOfPes, needOfSpes } from '#choose/need.ts'
import {
  type AssignmentContext,
  choosePersonalised,
  type PersonalisedChoice,
  personalisedCandidates,
} from '#choose/personalised.ts'
import { chooseSpaced, spacedCandidates, spacedReport } from '#choose/spaced.ts'
import { type Area, choosePractice, type PracticeChoice, practiceCandidates, worstAreas } from '#choose/worst-areas.ts'
import type { Uuid } from '#domain/ids.ts'
import type { AssignedExercise, Assignment } from '#domain/student.ts'
import type { NamedMatrix } from '#due/matrix-store.ts'
import { sparfa } from '#estimate/sparfa/algorithm.ts'
import { createBreath } from '#platform/breath.ts'
import type { AssignmentPickLine, PickAnswer, StudentPickLine } from './answers.ts'
import { type CalculationInputs, calculationUuid } from './calculation.ts'
import { clueOptions } from './clue-answers.ts'
import type { Edition } from './editions.ts'
import type { AnswerPorts } from './open.ts'
import type { StudentRecord } from './student-records.ts'

/*
 * Exercises to give next, at read time. The order is SPARFA's, from all the student's answers; the rules of choose/ decide
 * what may be given and how slots are filled. Nothing is drawn that a repeated request would draw differently.
 */
interface Basis {
  readonly record: StudentRecord
  readonly edition: Edition
  readonly matrix: NamedMatrix
}

const unknown: PickAnswer = {
  status: 'unknown',
  calculation: undefined,
  matrix: undefined,
  exercises: [],
  spyInfo: {},
}
const unready: PickAnswer = { ...unknown, status: 'unready' }

const spacedNames: ReadonlyMap<string, HistoryType> = new Map([
  [`student_driven_${sparfa.name}`, 'student_driven'],
  [`instructor_driven_${sparfa.name}`, 'instructor_driven'],
])

export function assignmentPes(ports: AnswerPorts, lines: readonly AssignmentPickLine[]): Promise<PickAnswer[]> {
  return forAssignments(ports, lines, (line, assignment, basis) =>
    line.algorithm?.toLowerCase() === sparfa.name ? personalised(ports, assignment, basis) : unready,
  )
}

export function assignmentSpes(ports: AnswerPorts, lines: readonly AssignmentPickLine[]): Promise<PickAnswer[]> {
  return forAssignments(ports, lines, (line, assignment, basis) => {
    const historyType = spacedNames.get(line.algorithm?.toLowerCase() ?? '')
    return historyType === undefined ? unready : spaced(ports, assignment, basis, historyType)
  })
}

type Choose = (line: AssignmentPickLine, assignment: Assignment, basis: Basis) => PickAnswer

async function forAssignments(
  ports: AnswerPorts,
  lines: readonly AssignmentPickLine[],
  choose: Choose,
): Promise<PickAnswer[]> {
  const wanted = [...new Set(lines.map(({ assignment }) => assignment))]
  await ports.freshness.untilFresh(wanted)
  const found = await ports.reader.assignments(wanted)
  const students = [...new Set([...found.values()].map(({ student }) => student))]
  const records = await ports.records.load(students)
  const answers: PickAnswer[] = []
  const breath = createBreath()
  for (const line of lines) {
    await breath.take()
    const kept = found.get(line.assignment)
    if (kept === undefined) {
      answers.push(unknown)
      continue
    }
    const basis = await basisOf(ports, records.get(kept.student), kept.ecosystem)
    // The record's own copy, so that assignment and history are of the same position.
    const assignment = basis?.record.assignments.find(({ uuid }) => uuid === line.assignment)
    const answer = basis && assignment ? choose(line, assignment, basis) : unready
    answers.push(limited(answer, line.exercisesMax))
  }
  return answers
}

async function basisOf(
  ports: AnswerPorts,
  record: StudentRecord | undefined,
  ecosystem: Uuid | undefined,
): Promise<Basis | undefined> {
  if (record === undefined || ecosystem === undefined) return undefined
  const [edition, matrix] = await Promise.all([ports.editions.edition(ecosystem), ports.matrices.current(ecosystem)])
  return edition !== undefined && matrix !== undefined ? { record, edition, matrix } : undefined
}

function limited(answer: PickAnswer, exercisesMax: number | undefined): PickAnswer {
  return exercisesMax === undefined ? answer : { ...answer, exercises: answer.exercises.slice(0, exercisesMax) }
}

function contextOf(ports: AnswerPorts, assignment: Assignment, basis: Basis): AssignmentContext {
  return {
    assignment,
    index: basis.edition.index,
    exclusions: exclusionsOf(ports, basis),
    groupOf: basis.edition.groupOf,
  }
}

function exclusionsOf(ports: AnswerPorts, { record, edition }: Basis) {
  const { course, assignments } = record
  const now = ports.clock.now()
  return studentExclusions({ course: course.exclusions, assignments, groupOf: edition.groupOf, now })
}

/** The order of picks may use every answer, also those whose feedback is not out (design D22). */
function rankingFor(ports: AnswerPorts, { record, edition, matrix }: Basis, candidates: Candidates): Ranking {
  const { knowledge } = ports.knowledge.of(record, edition, matrix, 'teacher', ports.clock.now())
  return rankingOf(sparfa.rank(matrix.matrix, knowledge, candidates.groups))
}

function personalised(ports: AnswerPorts, assignment: Assignment, basis: Basis): PickAnswer {
  const inputs = { kind: 'pe', subject: assignment.uuid, algorithm: sparfa.name } as const
  const need = needOfPes(assignment)
  if (need !== 'choose')
    return settled(
      basis,
      inputs,
      assigned(need, assignment, ({ isPe }) => isPe),
    )
  const choice = choosePes(ports, assignment, basis)
  return settled(basis, inputs, choice.exercises, {
    assignment_type: assignment.type,
    exercise_algorithm_name: sparfa.name,
    ...(choice.shortage && { shortage: choice.shortage }),
  })
}

function choosePes(ports: AnswerPorts, assignment: Assignment, basis: Basis): PersonalisedChoice {
  const candidates = personalisedCandidates(contextOf(ports, assignment, basis))
  const ranking = rankingFor(ports, basis, candidates)
  return choosePersonalised({ assignment, candidates, ranking, seed: sparfa.name })
}

function spaced(ports: AnswerPorts, assignment: Assignment, basis: Basis, historyType: HistoryType): PickAnswer {
  const algorithm = `${historyType}_${sparfa.name}`
  const inputs = { kind: 'spe', subject: assignment.uuid, algorithm } as const
  const need = needOfSpes(assignment)
  if (need !== 'choose')
    return settled(
      basis,
      inputs,
      assigned(need, assignment, ({ isSpe }) => isSpe),
    )
  const context = contextOf(ports, assignment, basis)
  const input = {
    assignments: basis.record.assignments,
    assignmentType: assignment.type,
    firstAnswerAt: firstAnswers(basis.record.answers),
    now: ports.clock.now(),
  }
  const history = historyType === 'student_driven' ? studentHistory(input) : instructorHistory(input)
  const { mapping } = basis.edition
  const entries = mappedHistory(history, { assignment, index: context.index, mapping, exclusions: context.exclusions })
  const candidates = spacedCandidates({
    ...context,
    entries,
    personalised: personalisedGroups(ports, assignment, basis),
  })
  const choice = chooseSpaced({
    assignment,
    historyType,
    entries,
    number: history.numbers.get(assignment.uuid) ?? 1,
    candidates,
    ranking: rankingFor(ports, basis, candidates),
    seed: sparfa.name,
  })
  return settled(basis, inputs, choice.exercises, { ...spacedReport(choice, assignment.type, sparfa.name) })
}

/** What this assignment would get as personalised exercises; those already assigned are excluded as its own. */
function personalisedGroups(ports: AnswerPorts, assignment: Assignment, basis: Basis): Set<Uuid> {
  if (needOfPes(assignment) !== 'choose') return new Set()
  return new Set(choosePes(ports, assignment, basis).picks.map(({ exercise }) => exercise.group))
}

/** Design D23: what was assigned is the answer from then on. */
function assigned(
  need: 'assigned' | 'nothing',
  assignment: Assignment,
  isWanted: (exercise: AssignedExercise) => boolean,
): Uuid[] {
  return need === 'nothing' ? [] : assignment.exercises.filter(isWanted).map(({ exercise }) => exercise)
}

export async function worstAreasPicks(ports: AnswerPorts, lines: readonly StudentPickLine[]): Promise<PickAnswer[]> {
  const students = [...new Set(lines.map(({ student }) => student))]
  await ports.freshness.untilFresh(students)
  const records = await ports.records.load(students)
  const answers: PickAnswer[] = []
  const breath = createBreath()
  for (const line of lines) {
    await breath.take()
    const record = records.get(line.student)
    if (record === undefined) {
      answers.push(unknown)
      continue
    }
    const isOurs = line.algorithm?.toLowerCase() === sparfa.name
    const basis = isOurs ? await basisOf(ports, record, record.course.ecosystem) : undefined
    answers.push(limited(basis === undefined ? unready : practice(ports, basis), line.exercisesMax))
  }
  return answers
}

/** Areas looked at first; more only when these can not fill the practice. */
const areasFirst = 10

function practice(ports: AnswerPorts, basis: Basis): PickAnswer {
  const { record, edition } = basis
  const areas = worstAreas(studentAreas(ports, basis), edition.index)
  const first = practiceIn(ports, basis, areas.slice(0, areasFirst))
  const isEnough = first.shortage === undefined || areas.length <= areasFirst
  const choice = isEnough ? first : practiceIn(ports, basis, areas)
  const inputs = { kind: 'worst_areas', subject: record.student.uuid, algorithm: sparfa.name } as const
  return settled(basis, inputs, choice.exercises, {
    clue_algorithm_name: sparfa.name,
    exercise_algorithm_name: sparfa.name,
    ...(choice.shortage && { shortage: choice.shortage }),
  })
}

function practiceIn(ports: AnswerPorts, basis: Basis, areas: readonly Area[]): PracticeChoice {
  const { record, edition } = basis
  const candidates = practiceCandidates({ areas, index: edition.index, exclusions: exclusionsOf(ports, basis) })
  const ranking = rankingFor(ports, basis, candidates)
  return choosePractice({ student: record.student.uuid, areas, candidates, ranking, seed: sparfa.name })
}

/** CLUEs as the student sees them: of pages, or where there are none, of what contains pages. */
function studentAreas(ports: AnswerPorts, { record, edition, matrix }: Basis): Area[] {
  const known = ports.knowledge.of(record, edition, matrix, 'student', ports.clock.now())
  const { pools, index } = edition
  const areaOf = (container: Uuid): Area[] => {
    const inputs = clueInputs({ pools, container, exclusions: record.course.exclusions, learners: [known.learner] })
    if (!inputs.isReady) return []
    return [{ container, clue: sparfa.clue(matrix.matrix, [known.knowledge], inputs.pool, clueOptions) }]
  }
  const pages = [...index.pages].flatMap(areaOf)
  return pages.length > 0 ? pages : index.containers.flatMap(areaOf)
}

function settled(
  { record, matrix }: Basis,
  inputs: Pick<CalculationInputs, 'kind' | 'subject' | 'algorithm'>,
  exercises: readonly Uuid[],
  spyInfo: PickAnswer['spyInfo'] = {},
): PickAnswer {
  const { position } = record
  const calculation = calculationUuid({ ...inputs, container: undefined, matrix: matrix.uuid, position })
  return { status: 'ready', calculation, matrix: matrix.uuid, exercises, spyInfo }
}
