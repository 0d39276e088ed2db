import type { Answers } from '#answers/answers.ts'
import type { AlgorithmContract } from '#answers/contract/contract.ts'
import type { RemoteAccess } from '#crew/remote-access.ts'
import type { MatrixReads } from '#due/matrix-reads.ts'
import type { Results } from '#due/results.ts'
import type { WaitingSubjects } from '#due/waiting-subjects.ts'
import type { Log } from '#log/log.ts'
import type { Storage } from '#platform/storage.ts'

/** Everything the HTTP interface needs from the rest of the program. */
export interface ApiPorts {
  readonly log: Log
  /** Absent where no replica is configured. */
  readonly replicas?: Replicas | undefined
  readonly answers: Answers
  readonly results: Results
  readonly waiting: WaitingSubjects
  /** Work for remote algorithms. */
  readonly contract: AlgorithmContract
  /** Absent where no matrices are kept; then no preparation is ever ready by itself (design D27). */
  readonly matrices?: MatrixReads | undefined
  /** Subscriptions of other programs; absent, there are none and none can be made. */
  readonly remote?: RemoteAccess | undefined
  /** Absent: room is taken for granted. */
  readonly storage?: Pick<Storage, 'isFull' | 'tellsFull'> | undefined
  readonly readiness: Readiness
  readonly logger: ApiLogger
}

/** Replicas of the database, for reads of the log that may be a little old. */
export interface Replicas {
  /** Reads that see at least what was committed at this position; some replica or, where none is good enough, not. */
  at(position: string | undefined): Pick<Log, 'readStreams' | 'readMetadata'>
  /** Of everything that is committed now; undefined where it can not be told. */
  position(): Promise<string | undefined>
}

/** What `/readyz` shows (OP-P1). */
export interface Readiness {
  check(): Promise<ReadinessReport>
  /** The database has failed three checks in a row: requests are answered 503 at once instead of queueing. */
  isFailing(): boolean
}

export interface ReadinessReport {
  readonly ready: boolean
  readonly checks: Readonly<Record<string, { ok: boolean; ms: number; detail: string }>>
}

export interface ApiLogger {
  error(fields: object, message: string): void
  warn(fields: object, message: string): void
}
