import { availableParallelism } from 'node:os'
import type pg from 'pg'
import type { Answers, Forecasts } from '#answers/answers.ts'
import { withAssigned } from '#answers/assigned.ts'
import type { AlgorithmContract } from '#answers/contract/contract.ts'
import { openAlgorithmContract } from '#answers/contract/open.ts'
import type { Explanations } from '#answers/explain.ts'
import { openFreshness } from '#answers/freshness.ts'
import { openKeptViews } from '#answers/kept-views.ts'
import { LearnerThreads } from '#answers/learner-threads.ts'
import { openAnswers, type Past } from '#answers/open.ts'
import type { RecordCounters } from '#answers/student-records.ts'
import { withUploaded } from '#answers/uploaded.ts'
import { withWaiting } from '#answers/waiting.ts'
import { startLaneBalance } from '#crew/lanes.ts'
import { readProgress, waitUntilApplied } from '#crew/progress.ts'
import { openRemoteAccess, type RemoteAccess } from '#crew/remote-access.ts'
import type { CrewEvent } from '#crew/run-options.ts'
import { type SubscriptionRunner, startSubscription } from '#crew/run-subscription.ts'
import type { Subscription } from '#crew/subscription.ts'
import type { StoredEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { partOf, partsDefault } from '#domain/parts.ts'
import type { Instant } from '#domain/student.ts'
import { cleanUpDefaults, startCleanUp } from '#due/clean-up.ts'
import { recordCourseMoves } from '#due/course-moves.ts'
import { openExperiments } from '#due/experiments.ts'
import { type MatrixReads, openMatrixReads } from '#due/matrix-reads.ts'
import { type MatrixStore, openMatrixStore } from '#due/matrix-store.ts'
import { openMatrixUpdates } from '#due/matrix-updates.ts'
import { openReceiptQueue, type ReceiptQueue } from '#due/receipt-queue.ts'
import { openReceipts } from '#due/receipts.ts'
import { openRemotePresence, withPresence } from '#due/remote-presence.ts'
import type { Results } from '#due/results.ts'
import { createStoredResults } from '#due/stored-results.ts'
import { openSubmittedClues } from '#due/submitted-clues.ts'
import { openSubmittedOrderings } from '#due/submitted-orderings.ts'
import { startTrainer } from '#due/trainer.ts'
import { createWaitingSubjects, forgetWaiting, type WaitingSubjects } from '#due/waiting-subjects.ts'
import { openWorkStates } from '#due/work-states.ts'
import { startCompaction } from '#learning/compaction.ts'
import { openDeliveredLog } from '#learning/delivered-log.ts'
import { forgetSecondAnswer } from '#learning/forget-answer.ts'
import { type LearningReader, openLearningReader } from '#learning/reader.ts'
import { SecondCopyFinder } from '#learning/second-copies.ts'
import { learningSubscription } from '#learning/subscription.ts'
import type { LaneEntry, Log, OpenedLog } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { openWakeUps } from '#log/wake-ups.ts'
import { openPool, withRetry } from '#platform/postgres.ts'
import type { Shutdown } from '#platform/shutdown.ts'
import { openAlgorithms } from './algorithms.ts'
import { fitInThread } from './fit-thread.ts'
import { type AlgorithmName, algorithmsDefault, type Role } from './options.ts'
import { pastAt, viewOptions } from './past.ts'
import { type OpenReplicas, openReplicasOf, type ReplicaSettings } from './replicas.ts'
import { createVisibility, type Visibility } from './visibility.ts'

/** Everything below HTTP, opened on one database; what runs in the background depends on the roles. */
export interface Services {
  readonly pool: pg.Pool
  readonly log: Log
  readonly reader: LearningReader
  readonly answers: Answers
  readonly receipts: ReceiptQueue
  readonly recordCounters: RecordCounters
  readonly forecasts: Forecasts
  readonly explanations: Explanations
  readonly results: Results
  readonly waiting: WaitingSubjects
  readonly contract: AlgorithmContract
  readonly matrices: MatrixReads
  readonly matrixStore: MatrixStore
  readonly visibility: Visibility
  readonly learning: SubscriptionRunner | undefined
  readonly remote: RemoteAccess
  readonly replicas: OpenReplicas | undefined
}

export interface ServiceOptions {
  readonly databaseUrl: string
  readonly roles: ReadonlySet<Role>
  readonly algorithms: readonly AlgorithmName[]
  readonly pool: pg.Pool
  /** The database is distributed by part: no transaction of the hot path spans two. */
  readonly isSharded?: boolean
  /** Tells other processes what was appended, and hears it from them. */
  readonly notifies?: boolean
  /** Shown beside the slots that this process owns. */
  readonly build: string
  readonly say: (line: string) => void
  readonly matrixIntervalMs?: number
  /** How long receipts are kept. */
  readonly receiptDays?: number | undefined
  /** Students whose records stay in memory; 0: everything is read each time. */
  readonly studentsMax?: number | undefined
  /** See `FitOrder.threads`. */
  readonly fitThreads?: number | undefined
  /** Absent: every read is served by the primary. */
  readonly replicas?: ReplicaSettings | undefined
}

const subscriptionName = 'learning'
/** How long a read waits for learning to apply what was acknowledged before it. */
const freshnessMsMax = 1000
const workersMsMax = 4000
/** Receipts wait this long for a database that is away. */
const receiptsMsMax = 20_000
/** Least time between two matrix updates that remote algorithms are asked for. */
const matrixIntervalMsDefault = 60_000

export async function openServices(options: ServiceOptions, shutdown: Shutdown): Promise<Services> {
  const { pool, roles } = options
  const log = await openOwnLog(options, shutdown)
  const replicas = options.replicas && openReplicasOf(pool, options.replicas, shutdown)
  const reader = openLearningReader(pool)
  const matrixStore = openMatrixStore(pool, { freshMs: 1000, matricesMax: 32 })
  const visibility = createVisibility()
  const learning = roles.has('learning') ? await startLearning(options, log, visibility, shutdown) : undefined
  if (roles.has('trainer')) startTraining(options, { reader, matrixStore, replicas }, shutdown)
  if (roles.has('due')) startCleaning(options, shutdown)
  const freshness = openFreshness(
    {
      laneHeads: () => log.laneHeads(),
      applied: async () => (await readProgress(pool, subscriptionName)).confirmed,
      untilApplied: (lane, position, timeoutMs) =>
        waitUntilApplied(pool, { ...lane, subscription: subscriptionName, position, timeoutMs }, learning),
    },
    { waitMsMax: freshnessMsMax },
  )
  const { results, orderings, clues } = openRemoteStores(pool)
  const waiting = createWaitingSubjects(pool, placeOf)
  const clock = { now: () => Date.now() }
  const views = openKeptViews(reader, { ...viewOptions, studentsMax: options.studentsMax })
  const pastSources = { reader, log: openDeliveredLog(log, pool), matrixStore }
  const past = (instant: Instant) => pastAt(pastSources, instant, options.algorithms)
  // Half of the cores answer for a class; the others are for other requests, and for the database.
  const threads = new LearnerThreads({ helpers: Math.min(3, Math.floor(availableParallelism() / 2)) })
  shutdown.add('the threads that estimate learners', 1000, () => threads.stop())
  const computed = openAnswers({
    ...{ reader, views, clock, freshness, past, matrices: matrixStore },
    algorithms: openAlgorithms(options.algorithms, (ecosystem) => matrixStore.current(ecosystem), threads),
    submitted: { orderings, clues, uploads: results },
  })
  const receipts = openReceiptWriting(options, shutdown)
  const contract = openAlgorithmContract({
    ...{ reader, views, clock, orderings, clues },
    states: openWorkStates(pool),
    matrixUpdates: openMatrixUpdates(pool),
    progress: async () => [...(await readProgress(pool, subscriptionName)).confirmed].join(' '),
    matrixIntervalMs: options.matrixIntervalMs ?? matrixIntervalMsDefault,
  })
  return {
    pool,
    log,
    reader,
    answers: withAssigned(withUploaded(withWaiting(computed, waiting), results), {
      ...{ freshness, clock, experiments: openExperiments(pool) },
      unitsAt: (asOf) => (asOf === undefined ? { reader, ...views } : unitsOfPast(past(asOf))),
      algorithmDefault: options.algorithms[0] ?? algorithmsDefault[0],
    }),
    receipts,
    recordCounters: views.records.counters,
    waiting,
    forecasts: computed,
    explanations: computed,
    results,
    contract,
    matrices: openMatrixReads(pool, matrixStore),
    matrixStore,
    visibility,
    learning,
    remote: openRemoteAccess({ pool, log, readFrom: replicas?.source(log) ?? log }),
    replicas,
  }
}

async function openOwnLog(options: ServiceOptions, shutdown: Shutdown): Promise<OpenedLog> {
  const { databaseUrl, isSharded = false, say } = options
  const pool = openPool(databaseUrl, { name: 'log', connectionsMax: isSharded ? 24 : 6 })
  shutdown.add('the connections of the log', 2000, () => pool.end())
  const log = await openLog(pool, {
    cutsByPart: isSharded,
    notKept: (error) => say(`refused events could not be kept for a look at them: ${reasonOf(error)}`),
  })
  shutdown.add('the log', 5000, () => log.close())
  return options.notifies === true ? wokenByOthers(log, options, shutdown) : log
}

/** Whoever listens to this log also hears what other processes append. */
function wokenByOthers(log: OpenedLog, { databaseUrl: url, say }: ServiceOptions, shutdown: Shutdown): OpenedLog {
  const unsupported = (error: unknown): void => say(`without notifications, consumers poll: ${reasonOf(error)}`)
  const wakeUps = openWakeUps({ url, log, parts: 2 * partsDefault, unsupported })
  shutdown.add('wake-ups', 2000, () => wakeUps.close())
  return wakeUps.around(log)
}

function openRemoteStores(pool: pg.Pool) {
  const results = createStoredResults({ pool, parts: partsDefault })
  const stores = { results, orderings: openSubmittedOrderings(pool), clues: openSubmittedClues(pool) }
  return withPresence(stores, openRemotePresence(pool))
}

const unitsOfPast = ({ reader, views }: Past) => ({ reader, ...views })

function openReceiptWriting({ pool, say }: ServiceOptions, shutdown: Shutdown): ReceiptQueue {
  const receipts = openReceipts(pool)
  const queue = openReceiptQueue({
    // A receipt that is there already stays, so a batch may be written twice.
    put: (batch) => withRetry(() => receipts.put(batch), { budgetMs: receiptsMsMax }),
    failed: (error) => say(`receipts of exercises are lost: ${reasonOf(error)}`),
  })
  shutdown.add('the receipts of exercises', 3000, () => queue.close())
  return queue
}

/** Where rows about courses and subjects are kept. */
const placeOf = (uuid: Uuid): number => partOf('course', uuid)

function startCleaning({ pool, say, receiptDays }: ServiceOptions, shutdown: Shutdown): void {
  const cleanUp = startCleanUp(
    pool,
    { ...cleanUpDefaults, ...(receiptDays !== undefined && { receiptDays }) },
    (error) => say(`cleaning up failed: ${reasonOf(error)}`),
  )
  shutdown.add('cleaning up', workersMsMax, () => cleanUp.stop())
}

function startTraining(
  { pool, databaseUrl, say, fitThreads }: ServiceOptions,
  { reader, matrixStore, replicas }: Pick<Services, 'reader' | 'matrixStore' | 'replicas'>,
  shutdown: Shutdown,
): void {
  const trainer = startTrainer({
    pool,
    counts: async () =>
      (await reader.trainingCounts()).map(({ ecosystem, realAnswers }) => ({ ecosystem, answers: realAnswers })),
    fit: (ecosystem, _fits, signal) =>
      fitInThread({ databaseUrl, readerUrl: replicas?.urlForLongReads(), ecosystem, threads: fitThreads }, signal),
    stored: (ecosystem) => matrixStore.forget(ecosystem),
    failed: (ecosystem, error) => say(`fit of ${ecosystem ?? 'due ecosystems'} failed: ${reasonOf(error)}`),
  })
  shutdown.add('the trainer', workersMsMax, () => trainer.stop())
}

async function startLearning(
  { databaseUrl, build, isSharded = false, say }: ServiceOptions,
  log: OpenedLog,
  visibility: Visibility,
  shutdown: Shutdown,
): Promise<SubscriptionRunner> {
  const pool = openPool(databaseUrl, { name: 'learning', connectionsMax: 4, idleInTransactionTimeoutMs: 5000 })
  const heartbeatPool = openPool(databaseUrl, {
    name: 'heartbeat',
    connectionsMax: 2,
    idleInTransactionTimeoutMs: 5000,
  })
  shutdown.add('the connections of learning', 2000, async () => {
    await Promise.all([pool.end(), heartbeatPool.end()])
  })
  const skipped = (event: { readonly reason: string }): void => say(`an event has no effect: ${event.reason}`)
  const finder = new SecondCopyFinder({
    log,
    forget: (copy) => forgetSecondAnswer(pool, copy, partsDefault),
    onError: (error) => say(`looking for second copies of events failed: ${reasonOf(error)}`),
    onKept: (copy, first) =>
      say(`course ${copy.stream}: events ${first} and ${copy.number} are of different types with one uuid; both stay`),
  })
  shutdown.add('the search for second copies', workersMsMax, () => finder.close())
  const learning = learningSubscription({ onSkipped: skipped, onSecondCopy: (copy) => finder.suspect(copy) })
  const subscription: Subscription = {
    ...learning,
    apply: async (transaction, entries) => {
      await learning.apply(transaction, entries)
      await recordCourseMoves(transaction, entries, placeOf)
      await forgetWaiting(transaction, entries, placeOf)
    },
    committed: (entries: readonly LaneEntry[]) => {
      visibility.applied(entries.flatMap(answersOf))
      finder.note(entries)
    },
    released: (parts: readonly number[]) => finder.drop(parts),
  }
  const report = (event: CrewEvent): void => reportCrew(event, say)
  const runner = await startSubscription({
    ...{ subscription, source: log, pool, heartbeatPool, build, report },
    cutsByPart: isSharded,
  })
  shutdown.add('learning', workersMsMax, () => runner.stop())
  const balance = startLaneBalance({
    pool,
    source: log,
    moved: ({ stream, to, lane }) =>
      say(`course ${stream} has ${to === 'shared' ? 'no' : 'an'} own lane now (${lane})`),
    onError: (error) => say(`measuring the rates of courses failed: ${reasonOf(error)}`),
  })
  shutdown.add('the balance of lanes', workersMsMax, () => balance.stop())
  const compaction = startCompaction({ pool, onError: (error) => say(`merging answers failed: ${reasonOf(error)}`) })
  shutdown.add('the merging of answers', workersMsMax, () => compaction.stop())
  return runner
}

function answersOf(entry: LaneEntry): readonly StoredEvent[] {
  return entry.events.filter(({ type }) => type === 'record_response')
}

function reportCrew(event: CrewEvent, say: (line: string) => void): void {
  if (event.kind === 'parked') say(`course ${event.stream} is parked: ${reasonOf(event.error)}`)
  if (event.kind === 'breaker_opened') say(`learning pauses, too many courses fail: ${reasonOf(event.error)}`)
  if (event.kind === 'failed' && !event.isPassing) say(`learning failed: ${reasonOf(event.error)}`)
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
