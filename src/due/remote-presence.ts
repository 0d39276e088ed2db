import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { Results } from './results.ts'
import type { SubmittedClues } from './submitted-clues.ts'
import type { SubmittedOrderings } from './submitted-orderings.ts'

/*
 * Most installations have no remote algorithm, and none of their reads should have to look for what none has left.
 * "There is nothing" may be trusted for a moment; so whoever leaves the first thing of its kind waits that long before
 * it is acknowledged: by then every process has looked again. Right across processes, without a message between them.
 * Nothing ever removes the last row of these tables, so what was there once is there.
 */
export interface RemotePresence {
  /** False: nothing of this kind has been acknowledged before this call. */
  has(kind: RemoteKind): Promise<boolean>
  /** After something of this kind was written, before it is acknowledged. */
  announced(kind: RemoteKind): Promise<void>
}

const kinds = ['picks', 'clues', 'orderings', 'submittedClues'] as const
export type RemoteKind = (typeof kinds)[number]

/** How long an empty table is taken for empty. */
const trustMs = 250
/** Clocks of different machines do not run equally fast. */
const marginMs = 50

export function openRemotePresence(pool: pg.Pool): RemotePresence {
  /** When this process came to know that there is something. */
  const since = new Map<RemoteKind, number>()
  let lookedAt = Number.NEGATIVE_INFINITY
  let looking: Promise<void> = Promise.resolve()

  async function look(): Promise<void> {
    const found = await pool.query<Record<RemoteKind, boolean>>({
      name: 'due_remote_presence',
      text: `
        select
          exists (select from pick_result) as picks,
          exists (select from clue_result) as clues,
          exists (select from submitted_ordering) as orderings,
          exists (select from submitted_clue) as "submittedClues"`,
    })
    for (const kind of kinds)
      if (found.rows[0]?.[kind] !== false && !since.has(kind)) since.set(kind, performance.now())
  }

  return {
    has: async (kind) => {
      if (since.has(kind)) return true
      if (performance.now() - lookedAt >= trustMs) {
        lookedAt = performance.now()
        looking = look()
        looking.catch(() => {
          lookedAt = Number.NEGATIVE_INFINITY
        })
      }
      await looking
      return since.has(kind)
    },
    announced: async (kind) => {
      if (!since.has(kind)) since.set(kind, performance.now())
      const leftMs = (since.get(kind) ?? 0) + trustMs + marginMs - performance.now()
      if (leftMs > 0) await sleep(leftMs)
    },
  }
}

interface RemoteStores {
  readonly results: Results
  readonly orderings: SubmittedOrderings
  readonly clues: SubmittedClues
}

/** The same stores, which are not asked for what can not be there. */
export function withPresence({ results, orderings, clues }: RemoteStores, presence: RemotePresence): RemoteStores {
  const announcing = async <Outcome>(kind: RemoteKind, written: Promise<Outcome>): Promise<Outcome> => {
    const outcome = await written
    await presence.announced(kind)
    return outcome
  }
  return {
    results: {
      ...results,
      putPicks: (kind, picks) => announcing('picks', results.putPicks(kind, picks)),
      readPicks: async (kind, keys) =>
        (await presence.has('picks')) ? results.readPicks(kind, keys) : keys.map(() => undefined),
      readAllPicks: async (kind, subjects) =>
        (await presence.has('picks')) ? results.readAllPicks(kind, subjects) : new Map(),
      putClues: (kind, all) => announcing('clues', results.putClues(kind, all)),
      readClues: async (kind, keys) =>
        (await presence.has('clues')) ? results.readClues(kind, keys) : keys.map(() => undefined),
    },
    orderings: {
      ...orderings,
      put: (all) => announcing('orderings', orderings.put(all)),
      inUse: async (keys) => ((await presence.has('orderings')) ? orderings.inUse(keys) : new Map()),
    },
    clues: {
      ...clues,
      put: (all, held) => announcing('submittedClues', clues.put(all, held)),
      read: async (kind, keys) =>
        (await presence.has('submittedClues')) ? clues.read(kind, keys) : keys.map(() => undefined),
    },
  }
}
