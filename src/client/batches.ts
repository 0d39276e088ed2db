import { type EndpointShape, endpointShapes, type OutboxEndpoint, type OutboxEntry } from './outbox.ts'
import { bodyOf, sliceItems } from './slices.ts'

/**
 * Which of the waiting entries can go together now: from each stream the first ones of the same endpoint, streams
 * mixed, within the limits of a request. A stream is in one batch at most, so nothing overtakes within it. Pure.
 */
export interface Batch {
  readonly endpoint: OutboxEndpoint
  readonly entries: readonly OutboxEntry[]
}

export function planBatches(entries: readonly OutboxEntry[], bytesMax: number): Batch[] {
  const runsOfEndpoint = new Map<OutboxEndpoint, OutboxEntry[][]>()
  for (const run of firstRuns(entries)) {
    const { endpoint } = run[0]!
    const runs = runsOfEndpoint.get(endpoint)
    if (runs === undefined) runsOfEndpoint.set(endpoint, [run])
    else runs.push(run)
  }
  return [...runsOfEndpoint].flatMap(([endpoint, runs]) =>
    endpointShapes[endpoint].list === undefined
      ? runs.map((run) => ({ endpoint, entries: run.slice(0, 1) }))
      : fill(endpoint, runs, bytesMax),
  )
}

/** The body of a request with these entries: their frozen payloads, byte for byte. */
export function bodyOfBatch({ endpoint, entries }: Batch): string {
  const { list }: EndpointShape = endpointShapes[endpoint]
  const payloads = entries.map((entry) => entry.payload)
  return list === undefined ? payloads[0]! : bodyOf(list.items, payloads)
}

/** Entries ascend within each stream; what follows another endpoint has to wait. */
function firstRuns(entries: readonly OutboxEntry[]): OutboxEntry[][] {
  const runs = new Map<string, { entries: OutboxEntry[]; isOver: boolean }>()
  for (const entry of entries) {
    const run = runs.get(entry.stream)
    if (run === undefined) runs.set(entry.stream, { entries: [entry], isOver: false })
    else if (run.isOver || run.entries[0]!.endpoint !== entry.endpoint) run.isOver = true
    else run.entries.push(entry)
  }
  return [...runs.values()].map((run) => run.entries)
}

/** A run that does not fit into the rest of a batch is cut there; its remainder waits for the next plan. */
function fill(endpoint: OutboxEndpoint, runs: readonly OutboxEntry[][], bytesMax: number): Batch[] {
  const itemsMax = endpointShapes[endpoint].list!.itemsMax
  const batches: Batch[] = []
  const flat = runs.flat()
  const slices = sliceItems(
    flat.map((entry) => entry.payload),
    { itemsMax, bytesMax },
  )
  const sentStreams = new Set<string>()
  let start = 0
  for (const slice of slices) {
    const entries = flat.slice(start, start + slice.length).filter((entry) => !sentStreams.has(entry.stream))
    start += slice.length
    for (const entry of entries) sentStreams.add(entry.stream)
    if (entries.length > 0) batches.push({ endpoint, entries })
  }
  return batches
}
