import type { InProcessAlgorithm } from '#answers/in-process.ts'
import { openKeptViews, type ViewOptions } from '#answers/kept-views.ts'
import type { Past } from '#answers/open.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Instant } from '#domain/student.ts'
import { isClueReceipt } from '#due/clue-receipts.ts'
import type { MatrixStore, NamedMatrix } from '#due/matrix-store.ts'
import type { AnyReceipt } from '#due/receipts.ts'
import { type Moment, openPastReader } from '#learning/past-reader.ts'
import type { LearningReader } from '#learning/reader.ts'
import type { Log } from '#log/log.ts'
import { openAlgorithms } from './algorithms.ts'
import { type AlgorithmName, algorithmNames } from './options.ts'

/** Where the past is read from: the log, and what never changes once it is there. */
export interface PastSources {
  readonly reader: LearningReader
  /** As it was delivered to the read models. */
  readonly log: Pick<Log, 'readStream'>
  readonly matrixStore: Pick<MatrixStore, 'inUseAt' | 'byUuid'>
}

export const viewOptions: ViewOptions = { withholdUntilDue: true }

/** As it was at a time, with the algorithms that run here now. */
export function pastAt(sources: PastSources, instant: Instant, algorithms: readonly AlgorithmName[]): Past {
  const matrixOf = (ecosystem: Uuid) => sources.matrixStore.inUseAt(ecosystem, instant)
  return openPast(sources, { instant }, openAlgorithms(algorithms, matrixOf))
}

/** As it was for one receipt, with the algorithms that had a say and the matrix that it names. */
export function pastOfReceipt(sources: PastSources, receipt: AnyReceipt): Past {
  const { asOf: instant, position } = receipt
  const advisers = isClueReceipt(receipt) ? [receipt.algorithm] : receipt.advisers
  const matrixOf = async (ecosystem: Uuid): Promise<NamedMatrix | undefined> => {
    const named = await sources.matrixStore.byUuid(receipt.matrix)
    return named?.ecosystem === ecosystem ? named : sources.matrixStore.inUseAt(ecosystem, instant)
  }
  const algorithms = algorithmNames.filter((name) => advisers.includes(name))
  return openPast(sources, { instant, position }, openAlgorithms(algorithms, matrixOf))
}

function openPast({ reader, log }: PastSources, moment: Moment, algorithms: readonly InProcessAlgorithm[]): Past {
  const pastReader = openPastReader(reader, log, moment)
  return { reader: pastReader, views: openKeptViews(pastReader, viewOptions), algorithms }
}
