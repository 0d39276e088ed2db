import type { Uuid } from '#domain/ids.ts'
import type { Answer } from '#domain/student.ts'
import type { TrialCount } from '#due/matrix-updates.ts'
import type { Edition } from '../editions.ts'
import type { CalculationDone, MatrixUpdateItem } from './contract.ts'
import type { ContractPorts } from './open.ts'
import type { Examined, WalkedCourse } from './walk.ts'

/*
 * Matrix updates (scheduler.md §4). Answered trials are counted per exercise group when an algorithm asks, in steps of
 * some courses, from what each student has answered since it was counted last; nobody who does not ask pays for it.
 */
const kind = 'trials'
/** Students counted by one request. */
const studentsMax = 100
const studentsPerLook = 50

export async function fetchMatrixUpdates(ports: ContractPorts, algorithm: string): Promise<MatrixUpdateItem[]> {
  const counts = new Map<Uuid, TrialCount>()
  await ports.walk.find<Uuid>({
    kind,
    algorithm: '',
    itemsMax: studentsMax,
    examine: (course, room) => countCourse(ports, course, room, counts),
  })
  await ports.matrixUpdates.countTrials([...counts.values()].filter(({ before, after }) => before !== after))
  await startUpdates(ports)
  return ports.matrixUpdates.due(algorithm)
}

export function matricesUpdated(ports: ContractPorts, updates: readonly CalculationDone[]): Promise<boolean[]> {
  return ports.matrixUpdates.answer(updates)
}

/** Items are students that were counted or could not be yet: a course without any is settled. */
async function countCourse(
  ports: ContractPorts,
  { course }: WalkedCourse,
  room: number,
  counts: Map<Uuid, TrialCount>,
): Promise<Examined<Uuid>> {
  const students = await ports.reader.studentsOf(course)
  const uuids = students.map(({ uuid }) => uuid)
  const [versions, counted] = await Promise.all([
    ports.reader.studentVersions(students),
    ports.states.readAnswered(kind, '', uuids),
  ])
  const stale = students.filter(({ uuid }) => {
    const answer = versions.get(uuid)?.answer ?? -1
    return answer >= 0 && counted.get(uuid)?.state !== String(answer)
  })
  const some = stale.slice(0, room)
  for (let from = 0; from < some.length; from += studentsPerLook) {
    const chunk = some.slice(from, from + studentsPerLook)
    const answers = await ports.reader.answersOfMany(chunk)
    for (const { uuid } of chunk) {
      const newest = versions.get(uuid)?.answer ?? -1
      counts.set(uuid, await countOf(ports, { uuid, newest }, answers.get(uuid) ?? [], counted.get(uuid)?.state))
    }
  }
  return { items: some.map(({ uuid }) => uuid), nextAt: undefined }
}

/** A trial counts once, with its first answer; answers of books that have not arrived wait. */
async function countOf(
  ports: ContractPorts,
  student: { readonly uuid: Uuid; readonly newest: number },
  answers: readonly Answer[],
  before: string | undefined,
): Promise<TrialCount> {
  const from = before === undefined ? -1 : Number(before)
  // The newest number may be that of a second copy, which is not among the answers.
  let after = Math.max(student.newest, answers.at(-1)?.number ?? -1)
  const seen = new Set<Uuid>()
  const trials = new Map<Uuid, number>()
  let edition: Edition | undefined
  for (const answer of answers) {
    const isNew = answer.isReal && !seen.has(answer.trial)
    if (answer.isReal) seen.add(answer.trial)
    if (answer.number <= from) continue
    if (edition?.ecosystem !== answer.ecosystem) edition = await ports.editions.edition(answer.ecosystem)
    if (edition === undefined) {
      after = Math.max(from, answer.number - 1)
      break
    }
    const group = edition.groupOf(answer.exercise)
    if (isNew && group !== undefined) trials.set(group, (trials.get(group) ?? 0) + 1)
  }
  return { student: student.uuid, before, after: String(after), trials }
}

/** New ecosystems and those with a group that has grown enough, unless it was their turn a moment ago. */
async function startUpdates(ports: ContractPorts): Promise<void> {
  const [states, ecosystems, triggered] = await Promise.all([
    ports.matrixUpdates.states(),
    ports.reader.ecosystems(),
    ports.matrixUpdates.triggeredGroups(),
  ])
  const isRested = (ecosystem: Uuid): boolean =>
    (states.get(ecosystem)?.ageMs ?? Number.POSITIVE_INFINITY) >= ports.matrixIntervalMs
  const due = new Set<Uuid>()
  for (const ecosystem of ecosystems) {
    if (states.has(ecosystem)) continue
    for (const sharing of await ports.reader.ecosystemsSharingGroups(ecosystem)) due.add(sharing)
    due.add(ecosystem)
  }
  for (const sharing of (await ports.reader.ecosystemsOfGroups(triggered)).values()) {
    if (sharing.every(isRested)) for (const ecosystem of sharing) due.add(ecosystem)
  }
  if (due.size === 0) return
  const groups = new Set<Uuid>()
  for (const ecosystem of due) {
    const edition = await ports.editions.edition(ecosystem)
    for (const group of edition?.index.groups.keys() ?? []) groups.add(group)
  }
  const started = [...due].map((ecosystem) => ({ ecosystem, updates: states.get(ecosystem)?.updates ?? 0 }))
  await ports.matrixUpdates.start(started, [...groups])
}
