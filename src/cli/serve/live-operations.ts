import type pg from 'pg'
import type { BlockedStreams } from '#api/console/console-data.ts'
import type {
  ExperimentView,
  MatrixView,
  OperationsData,
  SetAsideLine,
  SlotLine,
  SubscriptionView,
} from '#api/console/operations-data.ts'
import { type Experiment, expectedShares, isRunning } from '#choose/experiment.ts'
import { listSetAside, type SetAsideStream } from '#crew/control.ts'
import { readLags, type SlotLag, type SubscriptionLag } from '#crew/progress.ts'
import type { Uuid } from '#domain/ids.ts'
import { kindOfPart } from '#domain/parts.ts'
import { type ArmCount, countArms, readExperiments } from '#due/experiments.ts'
import type { FitRecord } from '#estimate/sparfa/fit-record.ts'
import type { MadeBy, SparfaMatrix } from '#estimate/sparfa/matrix.ts'
import { readLaneOwners } from '#log/lane-balance.ts'
import type { BlockedStream } from '#log/log.ts'
import { picturesOf } from '../sparfa/plots.ts'
import type { Services } from './services.ts'

/** The console's pages for operators, read from the running services. */
const setAsideMax = 50
const historyMax = 50
const lanesMax = 100
const blockedMax = 20
/** More than these are told as this many: somebody has to look in any case. */
export const blockedCountMax = 1000

export function liveOperations(services: Services): OperationsData {
  const experiments = liveExperiments(services.pool)
  return {
    operations: async () => {
      const { pool, log } = services
      const [lags, lanes, blocked] = await Promise.all([
        readLags(pool, log),
        readLaneOwners(pool),
        log.blockedStreams(blockedCountMax),
      ])
      return {
        subscriptions: await Promise.all(lags.map((lag) => subscriptionView(services, lag))),
        experiments: await experiments(),
        lanes: lanes.slice(0, lanesMax).map((line) => ({ ...line, eventsPerSecond: line.eventsPerSecond ?? null })),
        lanesTotal: lanes.length,
        blocked: blockedLines(blocked),
      }
    },
    matrix: (matrix) => matrixView(services, matrix),
  }
}

/** Counting a million units takes a while and says little new each second. */
const countsMsMax = 5000

function liveExperiments(pool: pg.Pool): () => Promise<ExperimentView[]> {
  let counted: { readonly at: number; readonly names: string; readonly counts: ArmCount[] } | undefined
  return async () => {
    const now = Date.now()
    const running = (await readExperiments(pool)).filter((one) => isRunning(one, now))
    const names = running.map(({ name }) => name)
    if (counted === undefined || counted.names !== names.join() || now - counted.at >= countsMsMax) {
      counted = { at: now, names: names.join(), counts: names.length === 0 ? [] : await countArms(pool, names) }
    }
    const { counts } = counted
    return running.flatMap((experiment) => experimentView(experiment, counts) ?? [])
  }
}

function experimentView(experiment: Experiment, counts: readonly ArmCount[]): ExperimentView | undefined {
  const { name, description, unit, kinds, startsAt, endsAt, versions } = experiment
  const newest = versions.at(-1)
  if (newest === undefined) return undefined
  const own = counts.filter((count) => count.experiment === name && count.version === newest.version)
  const shares = expectedShares(newest.arms)
  return {
    ...{ name, description, unit, kinds, startsAt, endsAt: endsAt ?? null, version: newest.version },
    arms: newest.arms.map(({ algorithm }, place) => ({
      algorithm,
      expected: shares[place] ?? 0,
      units: own.find((count) => count.algorithm === algorithm)?.units ?? 0,
    })),
  }
}

async function subscriptionView({ pool }: Services, lag: SubscriptionLag): Promise<SubscriptionView> {
  const setAside = await listSetAside(pool, lag.name, setAsideMax)
  return {
    name: lag.name,
    mode: lag.mode,
    isPaused: lag.isPaused,
    entriesBehind: Number(lag.behind),
    oldestAgeMs: lag.oldestAgeMs,
    slots: lag.slots.map(slotLine),
    setAside: setAside.map(setAsideLine),
    setAsideTotal: lag.exceptions,
  }
}

/** Oldest first, as they come. */
export function blockedLines(blocked: readonly BlockedStream[]): BlockedStreams {
  const streams = blocked.slice(0, blockedMax)
  return {
    total: blocked.length,
    streams: streams.map((line) => ({ ...line, blockedSince: line.blockedSince.getTime() })),
  }
}

function slotLine(slot: SlotLag): SlotLine {
  return {
    part: slot.part,
    lane: slot.lane,
    share: slot.share,
    shares: slot.shares,
    owner: slot.owner ?? null,
    epoch: String(slot.epoch),
    position: String(slot.position),
    head: String(slot.head),
    entriesBehind: Number(slot.behind),
    confirmedAt: slot.confirmedAt?.getTime() ?? null,
  }
}

function setAsideLine(stream: SetAsideStream): SetAsideLine {
  return {
    ...stream,
    kind: kindOfPart(stream.part),
    nextAt: stream.nextAt.getTime(),
    since: stream.since.getTime(),
    error: stream.error ?? null,
    awaited: stream.awaited ?? null,
  }
}

async function matrixView({ matrixStore }: Services, uuid: Uuid): Promise<MatrixView | undefined> {
  const found = await matrixStore.byUuid(uuid)
  if (found === undefined) return undefined
  const { matrix, ecosystem, createdAt } = found
  const [history, record] = await Promise.all([matrixStore.history(ecosystem, historyMax), matrixStore.fitRecord(uuid)])
  return {
    matrix: uuid,
    ecosystem,
    learntAt: createdAt.getTime(),
    questions: matrix.questionIds.length,
    concepts: matrix.conceptIds.length,
    madeBy: originOf(matrix.madeBy),
    heldOut: heldOutOf(record),
    pictures: record === undefined ? [] : picturesOfRecord(record, matrix),
    history: history.map((line) => {
      const { answers, learners, heldOutLogLoss, stoppedBy } = originOf(line.madeBy)
      const isRemoved = line.removedAt !== undefined
      const learntAt = line.createdAt.getTime()
      return { matrix: line.uuid, learntAt, answers, learners, heldOutLogLoss, stoppedBy, isRemoved }
    }),
  }
}

function heldOutOf(record: FitRecord | undefined): MatrixView['heldOut'] {
  if (record?.heldOut === undefined) return null
  const { rows, accuracy, auc, logLoss, brier, calibrationError } = record.heldOut.metrics
  return { answers: rows, accuracy, auc: auc ?? null, logLoss, brier, calibrationError }
}

/** Learners are numbered: who they are was never noted. */
function picturesOfRecord({ epochs, heldOut, clues }: FitRecord, matrix: SparfaMatrix): MatrixView['pictures'] {
  const histories = clues.map((history, index) => ({
    learner: String(index + 1),
    concept: `${matrix.conceptIds[history.concept]?.slice(0, 8)}…`,
    history,
  }))
  return picturesOf(epochs, heldOut?.bins, histories)
}

function originOf(madeBy: MadeBy): MatrixView['madeBy'] {
  return {
    preset: madeBy.preset,
    mask: madeBy.mask,
    lamW: madeBy.lam_w,
    lamD: madeBy.lam_d,
    lamU: madeBy.lam_u,
    lamG: madeBy.lam_g,
    seed: madeBy.seed,
    answers: madeBy.responses,
    learners: madeBy.learners,
    epochs: madeBy.epochs,
    heldOutLogLoss: madeBy.held_out_log_loss,
    stoppedBy: madeBy.stopped_by,
    warmStarts: madeBy.warm_starts,
  }
}
