import { type Client, createClient } from '#client/client.ts'
import { type CallOptions, type Clock, systemClock, type Tokens } from '#client/transport.ts'
import { readAnswersFile } from './answers-file.ts'
import { areaUnderCurve } from './auc.ts'
import { buildBook } from './book.ts'
import { type DemoCourse, enrol, isoTime } from './enrolment.ts'
import { namingOf } from './identity.ts'
import { pageMeanScorer, scoreHeldOut } from './prediction.ts'
import { type Progress, silentProgress } from './progress.ts'
import { fetchClassClues, fetchCluesAhead, fetchOpenPicks, fetchWorstAreas } from './reading.ts'
import { countOf, type DemoReport, type Evaluation, summarise } from './report.ts'
import { courseOpeningEvents, isHeldOutKnown, openCourse, sendBatches } from './sending.ts'
import { simulateClass } from './simulated-class.ts'
import { countAnswers, type Study } from './study.ts'
import { termEnding } from './term.ts'
import { buildTimeline, type CourseTimeline, type World } from './timeline.ts'
import { waitUntilLearnt } from './waiting.ts'

/**
 * Plays a learning platform through the public HTTP API: a book, courses, rosters, assignments and answers in time
 * order; asks for CLUEs before the last answers are sent and compares them with what then happens; reads picks. A
 * repeated run sends the same events again, which changes nothing.
 */
export interface DemoOptions {
  readonly url: string
  readonly tokens?: Tokens
  readonly seed?: number
  /** Size of the simulated class, or the first so many learners of the file. */
  readonly students?: number
  /** A file of answers instead of the simulated class. */
  readonly answersPath?: string
  /** How long the server may take to learn before its CLUEs are judged. */
  readonly learnMsMax?: number
  readonly requestsInFlightMax?: number
  readonly progress?: Progress
  readonly signal?: AbortSignal
  readonly clock?: Clock
  readonly fetch?: typeof globalThis.fetch
}

const learnMsMaxDefault = 300_000
/** A server that cannot be reached at all should be reported while somebody still looks. */
const firstAnswerMsMax = 60_000
/** Nobody waits for a page here: a server that restarts meanwhile may take its time. */
const readMsMax = 600_000

export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const clock = options.clock ?? systemClock
  const progress = options.progress ?? silentProgress
  const client = createClient({
    url: options.url,
    clock,
    tokens: options.tokens ?? {},
    requestsInFlightMax: options.requestsInFlightMax ?? 6,
    readMsMax,
    ...(options.fetch === undefined ? {} : { fetch: options.fetch }),
  })
  const call: CallOptions = options.signal === undefined ? {} : { signal: options.signal }
  const study = await loadStudy(options)
  const world = buildWorld(study, options.seed ?? 1, clock.now())
  const courses = enrol(study, world.naming)
  const timelines = courses.map((course) => buildTimeline(world, course, courseOpeningEvents))
  progress.note(
    `${study.name}: ${study.learners.length} students in ${countOf(courses.length, 'course')}, ` +
      `${study.questions.length} exercises on ${study.pageCount} pages, ${countAnswers(study)} answers`,
  )
  await client.createEcosystem(world.book.creation, { ...call, giveUpAfterMs: firstAnswerMsMax })
  const isRepeated = await isHeldOutKnown(client, timelines, call)
  await Promise.all(courses.map((course) => openCourse(client, world, course, call)))

  const run: Run = { client, world, courses, timelines, progress, call, clock }
  const trainingMs = await send(run, 'training')
  const evaluation = isRepeated ? skipped : await evaluate(run, options.learnMsMax ?? learnMsMaxDefault)
  const heldOutMs = await send(run, 'heldOut')
  return summarise({
    study,
    courses: courses.length,
    ecosystem: world.book.ecosystem,
    sendingMs: trainingMs + heldOutMs,
    evaluation,
    classClues: await fetchClassClues(run),
    picks: await fetchOpenPicks(run),
    worstAreas: await fetchWorstAreas(run),
  })
}

interface Run {
  readonly client: Client
  readonly world: World
  readonly courses: readonly DemoCourse[]
  readonly timelines: readonly CourseTimeline[]
  readonly progress: Progress
  readonly call: CallOptions
  readonly clock: Clock
}

const skipped: Evaluation = {
  kind: 'skipped',
  reason: 'the server has these answers from an earlier run, so they cannot be predicted any more',
}

async function loadStudy(options: DemoOptions): Promise<Study> {
  if (options.answersPath !== undefined) {
    return await readAnswersFile({ path: options.answersPath, studentsMax: options.students })
  }
  const size = options.students === undefined ? {} : { students: options.students }
  return simulateClass({ seed: options.seed ?? 1, ...size })
}

function buildWorld(study: Study, seed: number, nowMs: number): World {
  const naming = namingOf(study.fingerprint, seed)
  const term = termEnding(nowMs)
  return { study, naming, term, book: buildBook(study, naming, isoTime(term.startsAtMs)) }
}

async function send({ client, call, clock, progress, timelines }: Run, part: 'training' | 'heldOut'): Promise<number> {
  const total = timelines.reduce((sum, timeline) => sum + timeline[`${part}Answers`], 0)
  const stage = progress.stage(part === 'training' ? 'answers' : 'last fifth', total)
  const startedAt = clock.now()
  const batches = timelines.map((timeline) => timeline[part]())
  await sendBatches({ client, call, stage }, batches).finally(() => stage.end())
  return clock.now() - startedAt
}

async function evaluate(run: Run, msMax: number): Promise<Evaluation> {
  const { client, call, clock, progress, world } = run
  progress.note('waiting until the server has learnt from these answers')
  const learnt = await waitUntilLearnt({ client, call, clock, ecosystem: world.book.ecosystem, msMax })
  if (learnt.kind === 'unknown') return { kind: 'impossible', reason: learnt.reason }
  const clues = await fetchCluesAhead(run)
  const byClue = scoreHeldOut(world.study, clues.mostLikely)
  const clueAuc = areaUnderCurve(byClue)
  const pageMeanAuc = areaUnderCurve(scoreHeldOut(world.study, pageMeanScorer(world.study)))
  if (clueAuc === undefined || pageMeanAuc === undefined) {
    return { kind: 'impossible', reason: `the ${byClue.length} held-out answers are not both right and wrong` }
  }
  return {
    kind: 'done',
    answers: byClue.length,
    clueAuc,
    pageMeanAuc,
    cluesAsked: clues.asked,
    cluesReady: clues.ready,
    matrix: learnt.matrix,
    isSettled: learnt.isSettled,
    waitedMs: learnt.waitedMs,
  }
}
