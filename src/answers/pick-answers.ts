import type { Candidates } from '#choose/candidates.ts'
import { studentExclusions } from '#choose/exclusions.ts'
import { firstAnswers, type HistoryType, instructorHistory, mappedHistory, studentHistory } from '#choose/history.ts'
import { assignedPes, assignedSpes, needOfPes, needOfSpes } from '#choose/need.ts'
import {
  type AssignmentContext,
  choosePersonalised,
  type PersonalisedChoice,
  personalisedCandidates,
} from '#choose/personalised.ts'
import { chooseSpaced, spacedCandidates, spacedReport } from '#choose/spaced.ts'
import { type Area, choosePractice, type PracticeChoice, practiceCandidates, worstAreas } from '#choose/worst-areas.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Assignment } from '#domain/student.ts'
import type { PickKind, PickResult } from '#due/results.ts'
import { createBreath } from '#platform/breath.ts'
import type { Advice, Advisee, Choice } from './advice.ts'
import { adviceFor, type Question, type Scope } from './advisers.ts'
import type { AssignmentPickLine, PickAnswer, StudentPickLine } from './answers.ts'
import { personalisedChoice } from './kept-pes.ts'
import type { AnswerPorts } from './open.ts'
import { type ChosenFrom, explainAssigned, explainChoice } from './pick-explanation.ts'
import type { StudentRecord } from './student-records.ts'

/*
 * Exercises to give next, at read time. The order is an algorithm's, from all the student's answers; the rules of
 * choose/ decide what may be given and how slots are filled. Nothing is drawn that a repeated request would draw
 * differently.
 */
export interface PickPorts extends AnswerPorts {
  /** Whether answers say how they were made. */
  readonly explains: boolean
}

interface Basis extends Advisee {
  readonly advice: Advice
  /** Of everyone who was asked: a client may take personalised and spaced exercises from different algorithms. */
  readonly advices: readonly Advice[]
  /** Personalised exercises that remote algorithms uploaded for the assignment, for spaced ones to keep clear of. */
  readonly uploads: readonly PickResult[]
}

const unknown: PickAnswer = {
  status: 'unknown',
  calculation: undefined,
  matrix: undefined,
  exercises: [],
  spyInfo: {},
}
const unready: PickAnswer = { ...unknown, status: 'unready' }

export function assignmentPes(ports: PickPorts, lines: readonly AssignmentPickLine[]): Promise<PickAnswer[]> {
  const wishes = lines.map((line) => ({ line, algorithm: line.algorithm?.toLowerCase() }))
  return forAssignments(ports, wishes, 'asked', (_wish, assignment, basis) => personalised(ports, assignment, basis))
}

interface Wish {
  readonly line: AssignmentPickLine
  /** In lower case; `undefined` when the name is none of an algorithm. */
  readonly algorithm: string | undefined
}

interface SpacedWish extends Wish {
  readonly historyType: HistoryType
}

const spacedName = /^(student_driven|instructor_driven)_(.+)$/

export function assignmentSpes(ports: PickPorts, lines: readonly AssignmentPickLine[]): Promise<PickAnswer[]> {
  const wishes = lines.map((line): SpacedWish => {
    const [, type, algorithm] = spacedName.exec(line.algorithm?.toLowerCase() ?? '') ?? []
    return { line, algorithm, historyType: type === 'instructor_driven' ? type : 'student_driven' }
  })
  return forAssignments(ports, wishes, 'all', ({ historyType }, assignment, basis) =>
    spaced(ports, assignment, basis, historyType),
  )
}

/** Orders of exercises are long: this many lines are looked up together. */
const linesPerSlice = 100

async function forAssignments<Asked extends Wish>(
  ports: PickPorts,
  wishes: readonly Asked[],
  scope: Scope,
  choose: (wish: Asked, assignment: Assignment, basis: Basis) => PickAnswer,
): Promise<PickAnswer[]> {
  const wanted = [...new Set(wishes.map(({ line }) => line.assignment))]
  const [records, uploads] = await Promise.all([
    ports.records.ofAssignments(wanted, ports.waits),
    scope === 'all' ? ports.submitted.uploads.readAllPicks('pe', wanted) : undefined,
  ])
  const answers: PickAnswer[] = []
  const breath = createBreath()
  for (let from = 0; from < wishes.length; from += linesPerSlice) {
    const slice = wishes.slice(from, from + linesPerSlice)
    const bases = await basesOf(
      ports,
      slice.map(({ line, algorithm }) => {
        const record = records.get(line.assignment)
        const ecosystem = record && assignmentIn(record, line.assignment)?.ecosystem
        return { algorithm, record, ecosystem, uploads: uploads?.get(line.assignment) }
      }),
      scope,
    )
    for (const [index, wish] of slice.entries()) {
      await breath.take()
      const basis = bases[index]
      const assignment = basis && assignmentIn(basis.record, wish.line.assignment)
      const answer = basis && assignment ? choose(wish, assignment, basis) : unready
      answers.push(records.has(wish.line.assignment) ? limited(answer, wish.line.exercisesMax) : unknown)
    }
  }
  return answers
}

/** The record's own copy, so that assignment and history are of the same position. */
function assignmentIn({ assignments }: StudentRecord, assignment: Uuid): Assignment | undefined {
  return assignments.find(({ uuid }) => uuid === assignment)
}

interface Sought {
  readonly algorithm: string | undefined
  readonly record: StudentRecord | undefined
  readonly ecosystem: Uuid | undefined
  readonly uploads?: readonly PickResult[] | undefined
}

/** `undefined` where the student, the book or the algorithm's part is not there (yet). */
async function basesOf(ports: AnswerPorts, sought: readonly Sought[], scope: Scope): Promise<(Basis | undefined)[]> {
  const ecosystems = [...new Set(sought.flatMap(({ ecosystem }) => ecosystem ?? []))]
  const found = await Promise.all(ecosystems.map((ecosystem) => ports.editions.edition(ecosystem)))
  const editions = new Map(found.flatMap((edition) => (edition === undefined ? [] : [[edition.ecosystem, edition]])))
  const questions = sought.map(({ algorithm, record, ecosystem }): Question | undefined => {
    const edition = ecosystem && editions.get(ecosystem)
    return algorithm === undefined || record === undefined || edition === undefined
      ? undefined
      : { algorithm, record, edition }
  })
  const advised = await adviceFor(
    ports,
    questions.filter((question) => question !== undefined),
    scope,
  )
  let next = 0
  return questions.map((question, index) => {
    const advices = question && advised[next++]
    const advice = advices?.find(({ algorithm }) => algorithm.toLowerCase() === question?.algorithm)
    const uploads = sought[index]?.uploads ?? []
    return question && advices && advice ? { ...question, advice, advices, uploads } : undefined
  })
}

function limited(answer: PickAnswer, exercisesMax: number | undefined): PickAnswer {
  if (exercisesMax === undefined) return answer
  const { computed, exercises } = answer
  return {
    ...answer,
    exercises: exercises.slice(0, exercisesMax),
    ...(computed && { computed: { ...computed, exercisesMax } }),
  }
}

function contextOf(ports: AnswerPorts, assignment: Assignment, basis: Advisee): AssignmentContext {
  return {
    assignment,
    index: basis.edition.index,
    exclusions: exclusionsOf(ports, basis),
    groupOf: basis.edition.groupOf,
  }
}

function exclusionsOf(ports: AnswerPorts, { record, edition }: Advisee) {
  const { course, assignments } = record
  const now = ports.clock.now()
  return studentExclusions({ course: course.exclusions, assignments, groupOf: edition.groupOf, now })
}

function personalised(ports: PickPorts, assignment: Assignment, basis: Basis): PickAnswer {
  const { algorithm } = basis.advice
  const inputs = { kind: 'pe', subject: assignment.uuid, algorithm } as const
  const need = needOfPes(assignment)
  if (need !== 'choose') {
    // What was assigned is the answer from then on.
    const exercises = need === 'assigned' ? assignedPes(assignment) : []
    return settled(ports, basis, {
      inputs,
      exercises,
      explain: () => explainAssigned(need, algorithm, exercises.length),
    })
  }
  const { exercises, shortage } = pesOf(ports, assignment, basis, basis.advice)
  const spyInfo = {
    assignment_type: assignment.type,
    exercise_algorithm_name: algorithm,
    ...(shortage && { shortage }),
  }
  const explain = () => explainChoice(choosePes(ports, assignment, basis, basis.advice))
  return settled(ports, basis, { inputs, exercises, spyInfo, explain })
}

function pesOf(ports: AnswerPorts, assignment: Assignment, basis: Advisee, advice: Advice): PersonalisedChoice {
  const { record, edition } = basis
  const asked = { record, edition, assignment: assignment.uuid, advice, now: ports.clock.now() }
  return personalisedChoice(asked, () => choosePes(ports, assignment, basis, advice).choice)
}

interface PersonalisedBasis extends ChosenFrom {
  readonly choice: PersonalisedChoice
}

function choosePes(
  ports: AnswerPorts,
  assignment: Assignment,
  advisee: Advisee,
  { algorithm, ranking: rank, expected }: Advice,
): PersonalisedBasis {
  const candidates = personalisedCandidates(contextOf(ports, assignment, advisee))
  const ranking = rank(candidates)
  const choice = choosePersonalised({ assignment, candidates, ranking, seed: algorithm })
  return { choice, candidates, ranking, expected }
}

function spaced(ports: PickPorts, assignment: Assignment, basis: Basis, historyType: HistoryType): PickAnswer {
  const { algorithm, expected } = basis.advice
  const inputs = { kind: 'spe', subject: assignment.uuid, algorithm: `${historyType}_${algorithm}` } as const
  const need = needOfSpes(assignment)
  if (need !== 'choose') {
    // What was assigned is the answer from then on.
    const exercises = need === 'assigned' ? assignedSpes(assignment) : []
    return settled(ports, basis, {
      inputs,
      exercises,
      explain: () => explainAssigned(need, algorithm, exercises.length),
    })
  }
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
  const ranking = basis.advice.ranking(candidates)
  const choice = chooseSpaced({
    assignment,
    historyType,
    entries,
    number: history.numbers.get(assignment.uuid) ?? 1,
    candidates,
    ranking,
    seed: algorithm,
  })
  return settled(ports, basis, {
    inputs,
    exercises: choice.exercises,
    spyInfo: { ...spacedReport(choice, assignment.type, algorithm) },
    explain: () => explainChoice({ choice, candidates, ranking, expected }),
  })
}

/**
 * What any algorithm gives as personalised exercises: what it uploaded, or what would be chosen by its order. Those
 * already assigned are excluded as the assignment's own.
 */
function personalisedGroups(ports: AnswerPorts, assignment: Assignment, basis: Basis): Set<Uuid> {
  if (needOfPes(assignment) !== 'choose') return new Set()
  const { advices, uploads, edition } = basis
  const uploaders = new Set(uploads.map(({ algorithm }) => algorithm.toLowerCase()))
  const choosers = advices.filter(({ algorithm }) => !uploaders.has(algorithm.toLowerCase()))
  const chosen = choosers.flatMap((advice) => pesOf(ports, assignment, basis, advice).picks)
  const uploaded = uploads.flatMap(({ exercises }) => exercises)
  return new Set([
    ...chosen.map(({ exercise }) => exercise.group),
    ...uploaded.map((exercise) => edition.groupOf(exercise) ?? exercise),
  ])
}

export async function worstAreasPicks(ports: PickPorts, lines: readonly StudentPickLine[]): Promise<PickAnswer[]> {
  const students = [...new Set(lines.map(({ student }) => student))]
  const records = await ports.records.load(students, ports.waits)
  const answers: PickAnswer[] = []
  const breath = createBreath()
  for (let from = 0; from < lines.length; from += linesPerSlice) {
    const slice = lines.slice(from, from + linesPerSlice)
    const bases = await basesOf(
      ports,
      slice.map(({ student, algorithm }) => {
        const record = records.get(student)
        return { algorithm: algorithm?.toLowerCase(), record, ecosystem: record?.course.ecosystem }
      }),
      'asked',
    )
    for (const [index, line] of slice.entries()) {
      await breath.take()
      const basis = bases[index]
      const answer = basis === undefined ? unready : await practice(ports, basis)
      answers.push(records.has(line.student) ? limited(answer, line.exercisesMax) : unknown)
    }
  }
  return answers
}

/** Areas looked at first; more only when these can not fill the practice. */
const areasFirst = 10

async function practice(ports: PickPorts, basis: Basis): Promise<PickAnswer> {
  const { record, edition, advice } = basis
  const { algorithm } = advice
  const areas = worstAreas(await advice.areas(), edition.index)
  const first = practiceIn(ports, basis, areas.slice(0, areasFirst))
  const isEnough = first.choice.shortage === undefined || areas.length <= areasFirst
  const chosen = isEnough ? first : practiceIn(ports, basis, areas)
  const { exercises, shortage } = chosen.choice
  const inputs = { kind: 'worst_areas', subject: record.student.uuid, algorithm } as const
  const spyInfo = {
    clue_algorithm_name: algorithm,
    exercise_algorithm_name: algorithm,
    ...(shortage && { shortage }),
  }
  return settled(ports, basis, { inputs, exercises, spyInfo, explain: () => explainChoice(chosen) })
}

interface PracticeBasis extends ChosenFrom {
  readonly choice: PracticeChoice
}

function practiceIn(ports: AnswerPorts, basis: Basis, areas: readonly Area[]): PracticeBasis {
  const { record, edition, advice } = basis
  const candidates: Candidates = practiceCandidates({
    areas,
    index: edition.index,
    exclusions: exclusionsOf(ports, basis),
  })
  const ranking = advice.ranking(candidates)
  const student = record.student.uuid
  const choice = choosePractice({ student, areas, candidates, ranking, seed: advice.algorithm })
  return { choice, candidates, ranking, expected: advice.expected }
}

interface Settled {
  readonly inputs: Choice & { readonly kind: PickKind }
  readonly exercises: readonly Uuid[]
  readonly spyInfo?: PickAnswer['spyInfo']
  readonly explain: () => ReturnType<typeof explainChoice>
}

function settled(ports: PickPorts, basis: Basis, { inputs, exercises, spyInfo = {}, explain }: Settled): PickAnswer {
  const { advice, advices, record, uploads } = basis
  const { matrix } = advice
  const beside = uploads.map(({ calculation }) => calculation)
  const calculation = advice.calculation({ ...inputs, ...(beside.length > 0 && { beside }) })
  const answer = { status: 'ready', calculation, matrix, exercises, spyInfo } as const
  // What was submitted or uploaded has no history, so that what depends on it can not be made again.
  if (beside.length > 0 || advices.some(({ isSubmitted }) => isSubmitted)) return answer
  const [asOf, { algorithm }, { position }] = [ports.clock.now(), inputs, record]
  const advisers = advices.map((one) => one.algorithm)
  return {
    ...answer,
    computed: { ...inputs, advisers, position, asOf, exercisesMax: undefined },
    ...(ports.explains && { explanation: { asOf, algorithm, matrix, position, ...explain() } }),
  }
}
