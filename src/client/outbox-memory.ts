import {
  bundleByStream,
  freeze,
  type Incident,
  type Outbox,
  type OutboxEntry,
  type OutboxEvent,
  type OutboxStore,
  streamOrderError,
  withNumber,
} from './outbox.ts'
import { type Clock, systemClock } from './transport.ts'

/**
 * The outbox in memory, for tests and for producers that may forget. Work of a transaction becomes visible, numbered,
 * when the transaction ends well, and not at all when it fails.
 */
export interface MemoryTransaction {
  readonly enqueued: (readonly OutboxEvent[])[]
}

export interface MemoryOutbox extends Outbox<MemoryTransaction>, OutboxStore {
  transaction<Result>(work: (transaction: MemoryTransaction) => Promise<Result>): Promise<Result>
}

interface StoredEntry {
  entry: OutboxEntry
  committedAtMs: number
  sentAtMs?: number
  incident?: Incident
}

export function createMemoryOutbox(clock: Clock = systemClock): MemoryOutbox {
  const entries = new Map<string, StoredEntry>()
  const streams = new Map<string, { kind: OutboxEntry['kind']; nextNumber: number }>()
  let lastId = 0

  const inOrder = () => [...entries.values()].sort((one, other) => Number(one.entry.id) - Number(other.entry.id))
  const stored = (id: string): StoredEntry => {
    const found = entries.get(id)
    if (found === undefined) throw new Error(`the outbox has no entry ${id}`)
    return found
  }
  const put = (id: string, entry: OutboxEntry) => {
    entries.set(id, { entry, committedAtMs: clock.now() })
    return entry
  }
  const nextId = () => {
    lastId += 1
    return String(lastId)
  }

  /** Checks everything before it changes anything: a transaction commits whole or not at all. */
  function commit(events: readonly OutboxEvent[]): void {
    const bundles = bundleByStream(events)
    const known = new Set([...entries.values()].map(({ entry }) => `${entry.stream}/${entry.eventUuid}`))
    const planned = bundles.map((bundle) => {
      const existing = streams.get(bundle.stream)
      if (bundle.isCreation === (existing !== undefined)) throw streamOrderError(bundle.stream, bundle.isCreation)
      const first = existing?.nextNumber ?? 0
      const frozen = bundle.events.map((event, index) => freeze(bundle, event, first + index))
      for (const entry of frozen) {
        const key = `${entry.stream}/${entry.eventUuid}`
        if (known.has(key)) throw new Error(`the event ${entry.eventUuid} is in the outbox already`)
        known.add(key)
      }
      return { bundle, frozen, nextNumber: first + frozen.length }
    })
    for (const { bundle, frozen, nextNumber } of planned) {
      streams.set(bundle.stream, { kind: bundle.kind, nextNumber })
      for (const entry of frozen) {
        const id = nextId()
        put(id, { ...entry, id })
      }
    }
  }

  return {
    async transaction(work) {
      const transaction: MemoryTransaction = { enqueued: [] }
      const result = await work(transaction)
      commit(transaction.enqueued.flat())
      return result
    },
    async enqueue(transaction, events) {
      transaction.enqueued.push(events)
    },

    async readWaiting({ entriesMax, exceptStreams }) {
      const all = inOrder()
      const stopped = new Set(exceptStreams)
      for (const { entry } of all) if (entry.state === 'refused') stopped.add(entry.stream)
      const waiting = all.filter(({ entry }) => entry.state === 'waiting' && !stopped.has(entry.stream))
      return waiting.slice(0, entriesMax).map(({ entry }) => entry)
    },
    async markSent(ids) {
      for (const id of ids) {
        const found = stored(id)
        found.entry = { ...found.entry, state: 'sent' }
        found.sentAtMs = clock.now()
      }
    },
    async refuse(id, incident) {
      const found = stored(id)
      found.entry = { ...found.entry, state: 'refused' }
      found.incident = incident
    },
    async find(stream, eventUuid) {
      return inOrder().find(({ entry }) => entry.stream === stream && entry.eventUuid === eventUuid)?.entry
    },
    async readRefused(entriesMax) {
      const refused = inOrder().filter(({ entry }) => entry.state === 'refused')
      return refused.slice(0, entriesMax).map(({ entry, incident }) => ({ entry, incident: incident! }))
    },
    async resend(ids) {
      for (const id of ids) stored(id).entry = { ...stored(id).entry, state: 'waiting' }
    },
    async abandon(id) {
      stored(id).entry = { ...stored(id).entry, state: 'abandoned' }
    },
    async renumber(id) {
      const { entry } = stored(id)
      if (entry.state !== 'refused') throw new Error(`only a refused entry can be renumbered, ${id} is ${entry.state}`)
      const stream = streams.get(entry.stream)!
      const number = stream.nextNumber
      stream.nextNumber += 1
      entries.delete(id)
      const moved = nextId()
      return put(moved, { ...entry, id: moved, number, payload: withNumber(entry.payload, number), state: 'waiting' })
    },
    async readStreams({ after, streamsMax }) {
      const sorted = [...streams].sort(([one], [other]) => (one < other ? -1 : 1))
      const rest = sorted.filter(([stream]) => after === undefined || stream > after)
      return rest.slice(0, streamsMax).map(([stream, { kind, nextNumber }]) => ({ kind, stream, nextNumber }))
    },
    async readNumbers({ stream, from, to }) {
      return inOrder()
        .filter(({ entry }) => entry.stream === stream && entry.number >= from && entry.number <= to)
        .sort((one, other) => one.entry.number - other.entry.number)
        .map(({ entry, sentAtMs }) => ({ entry, sentAt: sentAtMs === undefined ? undefined : new Date(sentAtMs) }))
    },
    async raiseNextNumber(stream, nextNumber) {
      const found = streams.get(stream)
      if (found !== undefined) found.nextNumber = Math.max(found.nextNumber, nextNumber)
    },
    async forgetSent(before) {
      const old = inOrder().filter(({ entry, sentAtMs }) => entry.state === 'sent' && sentAtMs! < before.getTime())
      for (const { entry } of old) entries.delete(entry.id)
      return old.length
    },
    async health() {
      const all = inOrder()
      const waiting = all.filter(({ entry }) => entry.state === 'waiting')
      const oldest = Math.min(...waiting.map(({ committedAtMs }) => committedAtMs))
      return {
        waiting: waiting.length,
        refused: all.filter(({ entry }) => entry.state === 'refused').length,
        oldestWaitingAt: waiting.length === 0 ? undefined : new Date(oldest),
      }
    },
  }
}
