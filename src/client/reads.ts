import type { Client } from './client.ts'
import { RequestGivenUp } from './errors.ts'
import { type CallOptions, type Clock, systemClock } from './transport.ts'
import type { AssignmentPickLine, AssignmentPicks } from './wire-reads.ts'

/**
 * Reading in a request of a person who waits: bounded in time and attempts, with an answer in every case, and many
 * small questions put into one request.
 */
export interface PicksOptions {
  readonly client: Client
  readonly kind: 'pes' | 'spes'
  readonly attemptsMax: number
  readonly pauseMs: number
  /** For everything together, however the server behaves. */
  readonly deadlineMs: number
  /** Exercises to use for an assignment that is not ready in time. */
  readonly fallback: (line: AssignmentPickLine) => Promise<readonly string[]> | readonly string[]
  readonly signal?: AbortSignal
  readonly clock?: Clock
}

/** Name the two uuids in `pes` or `spes` of the next assignment update: they say which calculation chose. */
export type ReadyPicks =
  | {
      readonly source: 'biglearn'
      readonly exercise_uuids: readonly string[]
      readonly calculation_uuid: string | null
      readonly ecosystem_matrix_uuid: string | null
    }
  | { readonly source: 'fallback'; readonly exercise_uuids: readonly string[] }

/** One result per line, in order. Only what is not ready is asked again, under the same request uuid. */
export async function fetchPicks(lines: readonly AssignmentPickLine[], options: PicksOptions): Promise<ReadyPicks[]> {
  const clock = options.clock ?? systemClock
  const deadline = clock.now() + options.deadlineMs
  const ready = new Map<string, AssignmentPicks>()
  for (let attempt = 1; attempt <= options.attemptsMax; attempt += 1) {
    const open = lines.filter((line) => !ready.has(line.request_uuid))
    const remainingMs = deadline - clock.now()
    if (open.length === 0 || remainingMs <= 0) break
    for (const reply of await ask(open, options, remainingMs)) {
      if (reply.assignment_status === 'assignment_ready') ready.set(reply.request_uuid, reply)
    }
    const isWorthAnother = ready.size < lines.length && attempt < options.attemptsMax
    if (isWorthAnother && clock.now() + options.pauseMs < deadline) await clock.sleep(options.pauseMs, options.signal)
    else break
  }
  return await Promise.all(
    lines.map(async (line): Promise<ReadyPicks> => {
      const picks = ready.get(line.request_uuid)
      if (picks === undefined) return { source: 'fallback', exercise_uuids: await options.fallback(line) }
      const { exercise_uuids, calculation_uuid, ecosystem_matrix_uuid } = picks
      return { source: 'biglearn', exercise_uuids, calculation_uuid, ecosystem_matrix_uuid }
    }),
  )
}

/** A server that cannot be reached in time is like one that is not ready. */
async function ask(lines: readonly AssignmentPickLine[], options: PicksOptions, giveUpAfterMs: number) {
  const { client, kind, signal } = options
  const call: CallOptions = signal === undefined ? { giveUpAfterMs } : { giveUpAfterMs, signal }
  try {
    return kind === 'pes' ? await client.fetchAssignmentPes(lines, call) : await client.fetchAssignmentSpes(lines, call)
  } catch (error) {
    if (error instanceof RequestGivenUp) return []
    throw error
  }
}

type BulkCall<Item, Line> = (items: readonly Item[], options?: CallOptions) => Promise<Line[]>

/**
 * Collects single questions of the same moment into one bulk call: `const clue = coalesced(client.fetchStudentClues)`,
 * then `await clue(line)` wherever it is needed. Needs a call that answers with one line per item.
 */
export function coalesced<Item, Line>(
  bulk: BulkCall<Item, Line>,
  options?: CallOptions,
): (item: Item) => Promise<Line> {
  let collected: { item: Item; resolve: (line: Line) => void; reject: (error: unknown) => void }[] = []

  async function flush(): Promise<void> {
    const batch = collected
    collected = []
    try {
      const lines = await bulk(
        batch.map(({ item }) => item),
        options,
      )
      for (const [index, { resolve }] of batch.entries()) resolve(lines[index]!)
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return (item) =>
    new Promise((resolve, reject) => {
      if (collected.length === 0) setTimeout(flush, 0)
      collected.push({ item, resolve, reject })
    })
}
