import { type ClueInputs, clueInputs, judgedForPool, type Learner } from '#choose/clue-inputs.ts'
import { countingPool, orphanedAnswers } from '#choose/clue-pools.ts'
import { nothingExcluded } from '#choose/exclusions.ts'
import type { Audience } from '#choose/visible-answers.ts'
import { type Clue, unknownClue } from '#domain/clue.ts'
import type { Uuid } from '#domain/ids.ts'
import { createBreath } from '#platform/breath.ts'
import type { ClueAnswer, ForecastAnswer, ForecastQuestion, StudentClueLine, TeacherClueLine } from './answers.ts'
import { calculationUuid } from './calculation.ts'
import type { Edition } from './editions.ts'
import type { FittedAlgorithm } from './in-process.ts'
import type { AnswerPorts } from './open.ts'
import type { StudentRecord } from './student-records.ts'

/*
 * CLUEs at read time (design D19–D22). A student sees the effect of answers whose feedback is out; a teacher of all.
 * Uploaded results of remote algorithms go before everything else, in the caller.
 */
/** Students of one line; `undefined` for a subject that no roster named. */
type Subject = readonly StudentRecord[] | undefined

interface Line {
  readonly subject: Uuid
  readonly bookContainer: Uuid
  readonly algorithm: string | undefined
}

export async function studentClues(
  ports: AnswerPorts,
  lines: readonly StudentClueLine[],
  explains: boolean,
): Promise<ClueAnswer[]> {
  const students = [...new Set(lines.map(({ student }) => student))]
  const records = await ports.records.load(students, ports.waits)
  const subjects = new Map<Uuid, Subject>(students.map((student) => [student, optional(records.get(student))]))
  const wanted = lines.map((line) => ({ ...line, subject: line.student }))
  return answerLines(ports, wanted, subjects, { audience: 'student', explains })
}

export async function teacherClues(
  ports: AnswerPorts,
  lines: readonly TeacherClueLine[],
  explains: boolean,
): Promise<ClueAnswer[]> {
  const containers = [...new Set(lines.map(({ courseContainer }) => courseContainer))]
  const subjects = new Map<Uuid, Subject>()
  for (const container of containers) {
    subjects.set(container, await ports.records.ofContainer(container, ports.waits))
  }
  const wanted = lines.map((line) => ({ ...line, subject: line.courseContainer }))
  return answerLines(ports, wanted, subjects, { audience: 'teacher', explains })
}

function optional(record: StudentRecord | undefined): Subject {
  return record === undefined ? undefined : [record]
}

async function answerLines(
  ports: AnswerPorts,
  lines: readonly Line[],
  subjects: ReadonlyMap<Uuid, Subject>,
  { audience, explains }: { readonly audience: Audience; readonly explains: boolean },
): Promise<ClueAnswer[]> {
  const containers = [...new Set(lines.map(({ bookContainer }) => bookContainer))]
  const ecosystems = await ecosystemsOf(ports, containers)
  const bases = new Map<string, Basis | undefined>()
  const classes = new Map<string, readonly Learner[]>()
  const answers: ClueAnswer[] = []
  const breath = createBreath()
  for (const line of lines) {
    await breath.take()
    const ecosystem = ecosystems.get(line.bookContainer)
    const algorithm = line.algorithm?.toLowerCase() ?? ''
    const key = `${ecosystem} ${algorithm}`
    if (ecosystem !== undefined && !bases.has(key)) bases.set(key, await basisOf(ports, ecosystem, algorithm))
    const basis = bases.get(key)
    const records = subjects.get(line.subject)
    // A class is asked about page after page: its learners are the same for all of them.
    const classKey = `${line.subject} ${key}`
    if (records !== undefined && basis !== undefined && !classes.has(classKey)) {
      const all = learnersOf(ports, { records, basis, audience })
      await basis.fitted.prepare(all)
      classes.set(classKey, all)
    }
    const learners = classes.get(classKey) ?? []
    const answered = answer(line, { ecosystem, records, basis, learners, audience })
    const isExplained = explains && answered.status === 'ready' && records !== undefined && basis !== undefined
    answers.push(isExplained ? explained(ports, line, answered, { records, basis, learners, audience }) : answered)
  }
  return answers
}

/** A container that is not known may belong to a book that was acknowledged a moment ago. */
async function ecosystemsOf(ports: AnswerPorts, containers: readonly Uuid[]): Promise<Map<Uuid, Uuid>> {
  const known = await ports.editions.ecosystemsOfContainers(containers)
  const unknown = containers.filter((container) => !known.has(container))
  if (unknown.length === 0) return known
  const isInTime = await ports.waits.untilAllApplied()
  const again = await ports.editions.ecosystemsOfContainers(containers)
  if (!isInTime && unknown.some((container) => !again.has(container))) ports.waits.behind()
  return again
}

interface Basis {
  readonly edition: Edition
  readonly fitted: FittedAlgorithm
}

/** `undefined`: another algorithm than those of this process, or the book or what to estimate from is not there yet. */
async function basisOf(ports: AnswerPorts, ecosystem: Uuid, algorithm: string): Promise<Basis | undefined> {
  const [edition, fitted] = await Promise.all([
    ports.editions.edition(ecosystem),
    ports.algorithms.get(algorithm)?.fitted(ecosystem),
  ])
  return edition !== undefined && fitted !== undefined ? { edition, fitted } : undefined
}

interface Question {
  readonly records: readonly StudentRecord[]
  readonly basis: Basis
  readonly learners: readonly Learner[]
}

/** What is known about one line's question so far. */
interface Asked {
  readonly ecosystem: Uuid | undefined
  readonly records: Subject
  readonly basis: Basis | undefined
  readonly learners: readonly Learner[]
  readonly audience: Audience
}

interface Class {
  readonly records: readonly StudentRecord[]
  readonly basis: Basis
  readonly audience: Audience
}

function learnersOf(ports: AnswerPorts, { records, basis, audience }: Class): readonly Learner[] {
  return ports.learners.ofClass(records, basis.edition, audience, ports.clock.now())
}

/** `undefined`: none of the students has an answer in the container's groups (design D20). */
function estimate(bookContainer: Uuid, { records, basis, learners }: Question): Clue | undefined {
  const { edition, fitted } = basis
  const exclusions = records[0]?.course.exclusions
  if (exclusions === undefined) return undefined
  const inputs: ClueInputs = clueInputs({ pools: edition.pools, container: bookContainer, exclusions, learners })
  return inputs.isReady ? fitted.clue(learners, inputs.pool) : undefined
}

function answer(line: Line, { ecosystem, records, basis, learners, audience }: Asked): ClueAnswer {
  if (ecosystem === undefined) return notReady('book_container_unknown', undefined)
  if (records === undefined) return notReady('subject_unknown', ecosystem)
  if (basis === undefined) return notReady('unready', ecosystem)
  const clue = estimate(line.bookContainer, { records, basis, learners })
  if (clue === undefined) return notReady('unready', ecosystem)
  return {
    status: 'ready',
    calculation: calculationUuid({
      algorithm: basis.fitted.name,
      kind: kinds[audience],
      subject: line.subject,
      container: line.bookContainer,
      matrix: basis.fitted.model,
      position: Math.max(...records.map(({ position }) => position)),
    }),
    clue,
    ecosystem,
  }
}

const kinds = { student: 'student_clue', teacher: 'teacher_clue' } as const
const explainedAnswersMax = 1000

/** From the same learners and pool as the value; `answer` was ready, so both are there. */
function explained(
  ports: AnswerPorts,
  line: Line,
  answered: ClueAnswer,
  question: Question & { readonly audience: Audience },
): ClueAnswer {
  const { records, basis, learners, audience } = question
  const { edition, fitted } = basis
  const asOf = ports.clock.now()
  const exclusions = records[0]?.course.exclusions ?? nothingExcluded
  const pool = countingPool(edition.pools, line.bookContainer, exclusions)
  const judged = learners.flatMap((learner) =>
    judgedForPool(learner, pool.groups).map((one) => ({ ...one, student: learner.student })),
  )
  judged.sort((a, b) => a.answer.number - b.answer.number)
  return {
    ...answered,
    explanation: {
      kind: kinds[audience],
      algorithm: fitted.name,
      asOf,
      matrix: fitted.model,
      position: Math.max(...records.map(({ position }) => position)),
      poolSize: pool.groups.length,
      orphanedAnswers: records.reduce((sum, { answers }) => sum + orphanedAnswers(answers, edition).length, 0),
      countedAnswers: learners.reduce((sum, { judged: all }) => sum + all.counted.size, 0),
      answers: judged.slice(0, explainedAnswersMax).map(({ answer: { response }, student, verdict, visibleAt }) => ({
        response,
        student,
        verdict,
        visibleAt,
      })),
      answersInAll: judged.length,
    },
  }
}

function notReady(status: Exclude<ClueAnswer['status'], 'ready'>, ecosystem: Uuid | undefined): ClueAnswer {
  return { status, calculation: undefined, clue: unknownClue, ecosystem }
}

export async function forecast(ports: AnswerPorts, question: ForecastQuestion): Promise<ForecastAnswer> {
  const { students, ecosystem, bookContainers, audience } = question
  const records = [...(await ports.records.load(students)).values()]
  const basis = await basisOf(ports, ecosystem, forecastAlgorithm(ports))
  const answers = records.reduce((sum, record) => sum + record.answers.length, 0)
  if (basis === undefined) return { clues: bookContainers.map(() => unknownClue), matrix: undefined, answers }
  const learners = learnersOf(ports, { records, basis, audience })
  await basis.fitted.prepare(learners)
  const clues: Clue[] = []
  const breath = createBreath()
  for (const container of bookContainers) {
    await breath.take()
    clues.push(estimate(container, { records, basis, learners }) ?? unknownClue)
  }
  return { clues, matrix: basis.fitted.model, answers }
}

/** People are shown the estimates of the algorithm that was configured first. */
function forecastAlgorithm({ algorithms }: AnswerPorts): string {
  return algorithms.keys().next().value ?? ''
}
