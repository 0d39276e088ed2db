import { clueInputs, type Learner } from '#choose/clue-inputs.ts'
import { courseExclusion } from '#choose/exclusions.ts'
import type { Audience } from '#choose/visible-answers.ts'
import type { Uuid } from '#domain/ids.ts'
import { remembered } from '#domain/remembered.ts'
import type { Instant, Student } from '#domain/student.ts'
import type { SubmittedClue, SubmittedClueKind, SubmittedCluePlace } from '#due/submitted-clues.ts'
import type { AnsweredState } from '#due/work-states.ts'
import { createBreath } from '#platform/breath.ts'
import type { Edition } from '../editions.ts'
import { nextChange } from '../learners.ts'
import type { StudentRecord } from '../student-records.ts'
import type { ClueCalculationResult, ClueItem, ClueResponse } from './contract.ts'
import { clueCalculation, resultUuid } from './identity.ts'
import type { ContractPorts } from './open.ts'
import { type Examined, rotated, type WalkedCourse } from './walk.ts'

/*
 * CLUEs as work (scheduler.md §5): per subject and book container of the course's current book, whenever the exercises
 * or the responses that count for it have changed. A calculation is named by exactly these, so that an answer to one
 * page makes the CLUEs of that page and what contains it due, and no others.
 */
const itemsMax: Readonly<Record<SubmittedClueKind, number>> = { student_clues: 50, teacher_clues: 50 }
const audiences: Readonly<Record<SubmittedClueKind, Audience>> = { student_clues: 'student', teacher_clues: 'teacher' }
/** How many subjects are looked at first; then as many as should fill the poll by what the first ones had. */
const firstLook: Readonly<Record<SubmittedClueKind, number>> = { student_clues: 4, teacher_clues: 1 }
const subjectsPerLook = 20

export interface ClueWork {
  readonly kind: SubmittedClueKind
  readonly subject: Uuid
  readonly bookContainer: Uuid
  readonly position: number
  readonly item: ClueItem
}

/** A subject with the students whose answers make its CLUEs. */
interface ClueSubject {
  readonly uuid: Uuid
  readonly students: readonly Student[]
}

interface Look {
  readonly kind: SubmittedClueKind
  readonly algorithm: string
  readonly course: WalkedCourse
  readonly room: number
}

export async function fetchClueCalculations(ports: ContractPorts, algorithm: string): Promise<ClueItem[]> {
  const findAll = (kind: SubmittedClueKind): Promise<ClueWork[]> =>
    ports.walk.find<ClueWork>({
      kind,
      algorithm,
      itemsMax: itemsMax[kind],
      examine: (course, room) => examine(ports, { kind, algorithm, course, room }),
    })
  // At once, because most of a poll is waiting for the database.
  const work = (await Promise.all([findAll('student_clues'), findAll('teacher_clues')])).flat()
  await ports.states.writeHandedOut(
    work.map(({ item, ...rest }) => ({ ...rest, calculation: item.calculation, ecosystem: item.ecosystem })),
  )
  return work.map(({ item }) => item)
}

async function examine(ports: ContractPorts, look: Look): Promise<Examined<ClueWork>> {
  const { kind, algorithm, course, room } = look
  if (course.edition === undefined) return { items: [], nextAt: undefined }
  const subjects = await subjectsOf(ports, look)
  const known = subjects.map(({ uuid }) => uuid)
  const [states, answered] = await Promise.all([
    statesOf(ports, course, subjects),
    ports.states.readAnswered(kind, algorithm, known),
  ])
  const now = ports.clock.now()
  const isCurrent = ({ uuid }: ClueSubject): boolean => {
    const before = answered.get(uuid)
    return before?.state === states.get(uuid) && (before?.nextAt ?? Number.POSITIVE_INFINITY) > now
  }
  const stale = rotated(subjects.filter((subject) => !isCurrent(subject)))
  const nextTimes = subjects.filter(isCurrent).map(({ uuid }) => answered.get(uuid)?.nextAt)
  const items: ClueWork[] = []
  let size = firstLook[kind]
  for (let from = 0, isFull = false; from < stale.length && !isFull; ) {
    const some = stale.slice(from, from + size)
    from += some.length
    const due = await dueOf(ports, { ...look, room: room - items.length }, some)
    const settled = some.filter(({ uuid }) => due.get(uuid)?.work.length === 0)
    await ports.states.writeAnswered(
      kind,
      algorithm,
      settled.map(({ uuid }): AnsweredState => {
        return { subject: uuid, state: states.get(uuid) ?? '', nextAt: due.get(uuid)?.nextAt }
      }),
    )
    for (const { work, nextAt } of due.values()) {
      items.push(...work)
      nextTimes.push(nextAt)
    }
    isFull = due.size < some.length || items.length >= room
    size = Math.min(subjectsPerLook, 4 * size, Math.ceil(((room - items.length) * from) / items.length))
  }
  return { items: items.slice(0, room), nextAt: earliest(nextTimes) }
}

function earliest(times: readonly (Instant | undefined)[]): Instant | undefined {
  const next = Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY))
  return Number.isFinite(next) ? next : undefined
}

async function subjectsOf(ports: ContractPorts, { kind, course }: Look): Promise<ClueSubject[]> {
  const [students, containers] = await Promise.all([
    ports.reader.studentsOf(course.course),
    kind === 'student_clues' ? [] : ports.reader.containersOf(course.course),
  ])
  if (kind === 'student_clues') return students.map((student) => ({ uuid: student.uuid, students: [student] }))
  return containers
    .filter(({ uuid, isActive }) => isActive && uuid !== course.course)
    .map(({ uuid }) => ({ uuid, students: students.filter(({ containers: own }) => own.includes(uuid)) }))
    .filter((subject) => subject.students.length > 0)
}

/** Differs when an answer, an assignment, the roster, the exclusions or the edition may have changed a CLUE. */
async function statesOf(
  ports: ContractPorts,
  { version, basis }: WalkedCourse,
  subjects: readonly ClueSubject[],
): Promise<Map<Uuid, string>> {
  const students = new Map(subjects.flatMap((subject) => subject.students.map((student) => [student.uuid, student])))
  const versions = await ports.reader.studentVersions([...students.values()])
  return new Map(
    subjects.map(({ uuid, students: members }) => {
      const parts = members.map((member) => {
        const { answer, assignment } = versions.get(member.uuid) ?? { answer: -1, assignment: -1 }
        return `${member.uuid} ${answer} ${assignment}`
      })
      return [uuid, clueCalculation(String(version.changed), basis, ...parts)]
    }),
  )
}

interface DueClues {
  readonly work: readonly ClueWork[]
  readonly nextAt: Instant | undefined
}

/** Of these subjects, as far as there is room; the others are absent. */
async function dueOf(ports: ContractPorts, look: Look, subjects: readonly ClueSubject[]): Promise<Map<Uuid, DueClues>> {
  const { kind, algorithm, course } = look
  const { edition } = course
  if (edition === undefined) return new Map()
  const uuids = subjects.map(({ uuid }) => uuid)
  const [submitted, recordOf] = await Promise.all([
    ports.clues.ofSubjects(kind, algorithm, uuids),
    ports.records.load(subjects.flatMap(({ students }) => students.map((student) => student.uuid))),
  ])
  const calculations = new Map(submitted.map((clue) => [`${clue.subject} ${clue.bookContainer}`, clue.calculation]))
  const due = new Map<Uuid, DueClues>()
  const breath = createBreath()
  let room = look.room
  for (const { uuid, students } of subjects) {
    await breath.take()
    const records = students.flatMap((student) => recordOf.get(student.uuid) ?? [])
    const { work, nextAt } = cluesOf(ports, { kind, subject: uuid, records, edition })
    const open = work.filter(({ bookContainer, item }) => {
      return calculations.get(`${uuid} ${bookContainer}`) !== item.calculation
    })
    due.set(uuid, { work: open, nextAt })
    room -= open.length
    // The next subject may have as much as this one, for which nobody would be asked.
    if (room < Math.max(1, open.length)) break
  }
  return due
}

interface Subject {
  readonly kind: SubmittedClueKind
  readonly subject: Uuid
  readonly records: readonly StudentRecord[]
  readonly edition: Edition
}

/** All CLUEs that a subject has now: of every container with an answer, visible or withheld, to one of its groups. */
function cluesOf(ports: ContractPorts, { kind, subject, records, edition }: Subject): DueClues {
  const now = ports.clock.now()
  const exclusions = records[0]?.course.exclusions
  if (exclusions === undefined) return { work: [], nextAt: undefined }
  const learners = records.map((record) => ports.learners.of(record, edition, audiences[kind], now))
  const containers = new Set<Uuid>()
  for (const { judged } of learners) {
    for (const group of [...judged.counted.list.map((one) => one.group), ...judged.withheld.keys()]) {
      for (const container of edition.pools.containersOfGroup.get(group) ?? []) containers.add(container)
    }
  }
  const position = Math.max(...records.map((record) => record.position))
  const students = records.map((record) => record.student.uuid).sort()
  const work = [...containers].flatMap((container): ClueWork[] => {
    const inputs = clueInputs({ pools: edition.pools, container, exclusions, learners })
    if (!inputs.isReady) return []
    const exercises = countingExercises(edition, inputs.pool, container, (exercise, group) => {
      return courseExclusion(exclusions, exercise, group) === undefined
    })
    const responses = responsesOf(learners, inputs.pool)
    const calculation = clueCalculation(
      kind,
      subject,
      container,
      edition.ecosystem,
      students.join(),
      exercises.digest,
      JSON.stringify(responses),
    )
    const item = { calculation, ecosystem: edition.ecosystem, students, exercises: exercises.uuids, responses }
    return [{ kind, subject, bookContainer: container, position, item }]
  })
  return { work, nextAt: earliest(learners.map(({ judged }) => nextChange(judged.withheld))) }
}

interface CountingExercises {
  readonly uuids: readonly Uuid[]
  readonly digest: Uuid
}

const keptExercises = new WeakMap<readonly Uuid[], CountingExercises>()

/** A pool is the same list for all students of courses with the same exclusions, so its exercises are found once. */
function countingExercises(
  edition: Edition,
  pool: readonly Uuid[],
  container: Uuid,
  counts: (exercise: Uuid, group: Uuid) => boolean,
): CountingExercises {
  return remembered(keptExercises, pool, () => {
    const listed = edition.pools.pools.get(container) ?? []
    const uuids = listed.filter(({ uuid, group }) => counts(uuid, group)).map(({ uuid }) => uuid)
    return { uuids, digest: clueCalculation(...uuids) }
  })
}

/** The one answer that counts of each learner to each group, in an order that does not depend on delivery. */
function responsesOf(learners: readonly Learner[], pool: readonly Uuid[]): ClueResponse[] {
  const responses: ClueResponse[] = []
  for (const { judged } of [...learners].sort((a, b) => (a.student < b.student ? -1 : 1))) {
    for (const group of pool) {
      const answer = judged.counted.get(group)
      if (answer === undefined) continue
      responses.push({ response: answer.response, trial: answer.trial, isCorrect: answer.isCorrect })
    }
  }
  return responses
}

/** An answer to a calculation that was handed out once, and the place that it is for. */
interface ClueUpdate {
  readonly update: ClueCalculationResult
  readonly place: SubmittedCluePlace
}

/** Whoever has to try again was beaten by another answer for the same place. */
const triesMax = 10

/** Only the current calculation of a CLUE is known: a late answer to an older one is dropped (scheduler.md §3.2). */
export async function updateClueCalculations(
  ports: ContractPorts,
  updates: readonly ClueCalculationResult[],
): Promise<boolean[]> {
  const handedOut = await ports.states.readHandedOut(updates.map(({ calculation }) => calculation))
  const accepted = new Set<ClueCalculationResult>()
  let open = updates.flatMap((update): ClueUpdate[] => {
    const { kind, subject, bookContainer } = handedOut.get(update.calculation) ?? {}
    if (kind === undefined || kind === 'exercises' || subject === undefined || bookContainer === undefined) return []
    return [{ update, place: { kind, subject, bookContainer, algorithm: update.algorithm } }]
  })
  for (let tries = 0; open.length > 0 && tries < triesMax; tries += 1) {
    // In this order: whoever answers what becomes current after that is noticed by `put`.
    const held = await ports.clues.held(open.map(({ place }) => place))
    const current = await currentCalculations(ports, open)
    const known = open.filter(({ update }) => current.has(update.calculation))
    const written = await ports.clues.put(
      known.map(({ update, place }): SubmittedClue => {
        const { algorithm, calculation, clue, ecosystem } = update
        const result = resultUuid(algorithm, calculation, clue, ecosystem)
        return { ...place, calculation, result, clue, ecosystem: ecosystem ?? current.get(calculation) }
      }),
      held,
    )
    open = known.filter(({ update }, index) => {
      if (written[index] === true) accepted.add(update)
      return written[index] !== true
    })
  }
  return updates.map((update) => accepted.has(update))
}

/** Of the subjects of these updates: their calculations, with the ecosystem of each. */
async function currentCalculations(ports: ContractPorts, updates: readonly ClueUpdate[]): Promise<Map<Uuid, Uuid>> {
  const subjectsOfKind = (kind: SubmittedClueKind): Uuid[] => [
    ...new Set(updates.flatMap(({ place }) => (place.kind === kind ? place.subject : []))),
  ]
  const students = await ports.records.load(subjectsOfKind('student_clues'))
  const current = new Map<Uuid, Uuid>()
  const keep = async (kind: SubmittedClueKind, subject: Uuid, records: readonly StudentRecord[]): Promise<void> => {
    const work = await currentClues(ports, kind, subject, records)
    for (const { item } of work) current.set(item.calculation, item.ecosystem)
  }
  const breath = createBreath()
  for (const [student, record] of students) {
    await breath.take()
    await keep('student_clues', student, [record])
  }
  for (const container of subjectsOfKind('teacher_clues')) {
    await keep('teacher_clues', container, (await ports.records.ofContainer(container)) ?? [])
  }
  return current
}

async function currentClues(
  ports: ContractPorts,
  kind: SubmittedClueKind,
  subject: Uuid,
  records: readonly StudentRecord[],
): Promise<readonly ClueWork[]> {
  const ecosystem = records[0]?.course.ecosystem
  const edition = ecosystem === undefined ? undefined : await ports.editions.edition(ecosystem)
  return edition === undefined ? [] : cluesOf(ports, { kind, subject, records, edition }).work
}
