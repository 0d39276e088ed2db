import { needOfPes, needOfSpes } from '#choose/need.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Assignment, Student } from '#domain/student.ts'
import type { Ordering, StoredOrdering } from '#due/submitted-orderings.ts'
import type { AnsweredState, HandedOut } from '#due/work-states.ts'
import type { StudentVersion } from '#learning/reader.ts'
import type { ExerciseItem, ExerciseResult, OrderingLine, OrderingRequest } from './contract.ts'
import { defaultStudent, exerciseCalculation, resultUuid } from './identity.ts'
import type { ContractPorts } from './open.ts'
import { type Examined, rotated, type WalkedCourse, waitingState } from './walk.ts'

/*
 * Orders of exercises (scheduler.md §8): one calculation per student and ecosystem in use, new with each answer of the
 * student, and one per ecosystem for students of whom nothing is known.
 */
const kind = 'exercises'
/** Each item lists all exercises of a book. */
const itemsMax = 10
/** As long as students are due: an algorithm may leave books out that it does not serve, for ever. */
const defaultsMax = 5
const studentsPerLook = 100

type Work = Omit<HandedOut, 'kind' | 'bookContainer'>

export async function fetchExerciseCalculations(ports: ContractPorts, algorithm: string): Promise<ExerciseItem[]> {
  const defaults = await dueDefaults(ports, algorithm)
  const work = await ports.walk.find<Work>({
    kind,
    algorithm,
    itemsMax: itemsMax - Math.min(defaultsMax, defaults.length),
    examine: (course, room) => examine(ports, { algorithm, course, room }),
  })
  await ports.states.writeHandedOut(work.map((one) => ({ ...one, kind, bookContainer: undefined })))
  return itemsOf(ports, [...defaults.slice(0, itemsMax - work.length), ...work])
}

/** All of them, from a random one on: whoever has to wait in one poll comes first in another. */
async function dueDefaults(ports: ContractPorts, algorithm: string): Promise<Work[]> {
  const ecosystems = await ports.reader.ecosystems()
  const work = ecosystems.map((ecosystem) => workOf(defaultStudent, ecosystem, 0))
  return rotated(await notAnswered(ports, algorithm, work))
}

function workOf(student: Uuid, ecosystem: Uuid, position: number): Work {
  return { calculation: exerciseCalculation(student, ecosystem, position), subject: student, ecosystem, position }
}

interface Look {
  readonly algorithm: string
  readonly course: WalkedCourse
  readonly room: number
}

async function examine(ports: ContractPorts, look: Look): Promise<Examined<Work>> {
  const { algorithm, course, room } = look
  const students = await ports.reader.studentsOf(course.course)
  const subjects = students.map(({ uuid }) => uuid)
  const [versions, answered] = await Promise.all([
    ports.reader.studentVersions(students),
    ports.states.readAnswered(kind, algorithm, subjects),
  ])
  const stateOf = ({ uuid }: Student): string => {
    const { answer, assignment } = versionOf(versions, uuid)
    return `${answer} ${assignment} ${course.edition?.ecosystem}`
  }
  const waitingOf = (student: Student): string => waitingState(stateOf(student), course.books)
  const isSettled = (student: Student): boolean => answered.get(student.uuid)?.state === stateOf(student)
  const isWaiting = (student: Student): boolean => answered.get(student.uuid)?.state === waitingOf(student)
  const stale = rotated(students.filter((student) => !isSettled(student) && !isWaiting(student)))
  const items: Work[] = []
  let waits = students.some(isWaiting)
  // Whoever has changed mostly has one.
  let size = room
  for (let from = 0; from < stale.length && items.length < room; ) {
    const some = stale.slice(from, from + size)
    from += some.length
    size = studentsPerLook
    const { due, waiting } = await dueOf(ports, look, some, versions)
    const settled = some.filter(({ uuid }) => !due.has(uuid))
    const states = settled.map((student): AnsweredState => {
      const state = waiting.has(student.uuid) ? waitingOf(student) : stateOf(student)
      return { subject: student.uuid, state, nextAt: undefined }
    })
    await ports.states.writeAnswered(kind, algorithm, states)
    for (const work of due.values()) items.push(...work)
    waits ||= waiting.size > 0
  }
  return { items: items.slice(0, room), nextAt: undefined, isWaiting: waits }
}

function versionOf(versions: ReadonlyMap<Uuid, StudentVersion>, student: Uuid): StudentVersion {
  return versions.get(student) ?? { answer: -1, assignment: -1 }
}

interface DueStudents {
  /** Students with anything that the algorithm has not answered, and what. */
  readonly due: ReadonlyMap<Uuid, readonly Work[]>
  /** Those who work in a book that has not arrived. */
  readonly waiting: ReadonlySet<Uuid>
}

async function dueOf(
  ports: ContractPorts,
  { algorithm, course }: Look,
  students: readonly Student[],
  versions: ReadonlyMap<Uuid, StudentVersion>,
): Promise<DueStudents> {
  const assignments = await ports.reader.assignmentsOfMany(students)
  const work: Work[] = []
  const waiting = new Set<Uuid>()
  for (const { uuid } of students) {
    for (const ecosystem of ecosystemsInUse(course, assignments.get(uuid) ?? [])) {
      if (course.books.has(ecosystem)) work.push(workOf(uuid, ecosystem, versionOf(versions, uuid).answer))
      else waiting.add(uuid)
    }
  }
  const due = Map.groupBy(await notAnswered(ports, algorithm, work), ({ subject }) => subject)
  return { due, waiting }
}

async function notAnswered(ports: ContractPorts, algorithm: string, work: readonly Work[]): Promise<Work[]> {
  const keys = work.map(({ subject, ecosystem, position }) => ({ student: subject, ecosystem, position }))
  const answered = await ports.orderings.answered(algorithm, keys)
  return work.filter(({ calculation }) => !answered.has(calculation))
}

/** The course's own, and those of assignments for which there is something to choose (scheduler.md §8.2). */
function ecosystemsInUse({ ecosystem }: WalkedCourse, assignments: readonly Assignment[]): Set<Uuid> {
  const needing = assignments.filter((one) => needOfPes(one) === 'choose' || needOfSpes(one) === 'choose')
  return new Set([...(ecosystem === undefined ? [] : [ecosystem]), ...needing.map((one) => one.ecosystem)])
}

async function itemsOf(ports: ContractPorts, work: readonly Work[]): Promise<ExerciseItem[]> {
  const items: ExerciseItem[] = []
  for (const { calculation, ecosystem, subject } of work) {
    const edition = await ports.editions.edition(ecosystem)
    if (edition === undefined) continue
    items.push({ calculation, ecosystem, student: subject, exercises: [...edition.index.exercises.keys()] })
  }
  return items
}

/** A superseded calculation is accepted; what it says is used where nothing newer was submitted (scheduler.md §8.3). */
export async function updateExerciseCalculations(
  ports: ContractPorts,
  updates: readonly ExerciseResult[],
): Promise<boolean[]> {
  const handedOut = await ports.states.readHandedOut(updates.map(({ calculation }) => calculation))
  const unknown = updates.filter(({ calculation }) => !handedOut.has(calculation))
  const defaults = new Map<Uuid, Work>()
  for (const ecosystem of new Set(unknown.map(({ calculation }) => calculation))) {
    if ((await ports.editions.edition(ecosystem)) === undefined) continue
    defaults.set(ecosystem, workOf(defaultStudent, ecosystem, 0))
  }
  const orderings = updates.map(({ calculation, algorithm, matrix, exercises }): Ordering | undefined => {
    const known = handedOut.get(calculation)
    const work = known?.kind === kind ? known : defaults.get(calculation)
    if (work === undefined) return undefined
    const { subject, ecosystem, position } = work
    const result = resultUuid(algorithm, calculation, matrix, exercises)
    return { student: subject, ecosystem, algorithm, position, calculation, result, matrix, exercises }
  })
  await ports.orderings.put(orderings.filter((ordering) => ordering !== undefined))
  return orderings.map((ordering) => ordering !== undefined)
}

/** In one answer, some 40 MB as JSON; whoever looks at orders has a few dozen of some thousand exercises each. */
const exercisesPerAnswer = 1_000_000
const resultsPerStatement = 10

/** `undefined`: together they hold more exercises than an answer. */
export async function readOrderings(
  ports: ContractPorts,
  requests: readonly OrderingRequest[],
): Promise<OrderingLine[][] | undefined> {
  const answers: OrderingLine[][] = []
  let exercises = 0
  for (const request of requests) {
    const answer: OrderingLine[] = []
    answers.push(answer)
    const results = [...new Set(request.results ?? (await resultsInUse(ports, request)))]
    for (let from = 0; from < results.length; from += resultsPerStatement) {
      const found = await ports.orderings.byResult(results.slice(from, from + resultsPerStatement))
      const wanted = found.filter((ordering) => isWanted(ordering, request))
      answer.push(...wanted.map(lineOf))
      for (const one of wanted) exercises += one.exercises.length
      if (exercises > exercisesPerAnswer) return undefined
    }
  }
  return answers
}

function isWanted(ordering: StoredOrdering, { student, algorithm }: OrderingRequest): boolean {
  const isOfStudent = student === undefined || ordering.student === student
  return isOfStudent && (algorithm === undefined || ordering.algorithm.toLowerCase() === algorithm.toLowerCase())
}

function lineOf({ student, result, updatedAt, matrix, algorithm, exercises }: StoredOrdering): OrderingLine {
  return { student, result, calculatedAt: updatedAt, matrix, algorithm, exercises }
}

async function resultsInUse(ports: ContractPorts, { student, algorithm }: OrderingRequest): Promise<Uuid[]> {
  if (student === undefined || algorithm === undefined) return []
  const inUse = await ports.orderings.ofStudent(student, algorithm.toLowerCase())
  const known = student === defaultStudent ? undefined : await ports.reader.student(student)
  const version = known && (await ports.reader.studentVersions([known])).get(student)
  // Those whose calculation was superseded by a newer answer of the student are only found by their uuid.
  const current = student === defaultStudent ? inUse : inUse.filter((one) => one.position === (version?.answer ?? -1))
  return current.map(({ result }) => result)
}
