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

type SendingPart = Pick<
  OutboxStore,
  'readWaiting' | 'markSent' | 'refuse' | 'find' | 'forgetSent' | 'health' | 'readBacklog'
>

interface StoredEntry {
  entry: OutboxEntry
  committedAtMs: number
  sentAtMs?: number
  incident?: Incident
}

export function createMemoryOutbox(clock: Clock = systemClock): MemoryOutbox {
  const contents = new Contents(clock)
  return {
    async transaction(work) {
      const transaction: MemoryTransaction = { enqueued: [] }
      const result = await work(transaction)
      contents.commit(transaction.enqueued.flat())
      return result
    },
    async enqueue(transaction, events) {
      transaction.enqueued.push(events)
    },
    ...sendingFrom(contents),
    ...repairsOf(contents),
  }
}

class Contents {
  readonly clock: Clock
  readonly entries = new Map<string, StoredEntry>()
  readonly streams = new Map<string, { kind: OutboxEntry['kind']; nextNumber: number }>()
  #lastId = 0

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Checks everything before it changes anything: a transaction commits whole or not at all. */
  commit(events: readonly OutboxEvent[]): void {
    const known = new Set([...this.entries.values()].map(({ entry }) => `${entry.stream}/${entry.eventUuid}`))
    const planned = bundleByStream(events).map((bundle) => {
      const existing = this.streams.get(bundle.stream)
      if (bundle.isCreation === (existing !== undefined)) throw streamOrderError(bundle.stream, bundle.isCreation)
      const first = existing?.nextNumber ?? 0
      const frozen = bundle.events.map((event, index) => freeze(bundle, event, first + index))
      for (const { stream, eventUuid } of frozen) {
        const key = `${stream}/${eventUuid}`
        if (known.has(key)) throw new Error(`the event ${eventUuid} is in the outbox already`)
        known.add(key)
      }
      return { bundle, frozen, nextNumber: first + frozen.length }
    })
    for (const { bundle, frozen, nextNumber } of planned) {
      this.streams.set(bundle.stream, { kind: bundle.kind, nextNumber })
      for (const entry of frozen) this.put(entry)
    }
  }

  put(entry: Omit<OutboxEntry, 'id'>): OutboxEntry {
    this.#lastId += 1
    const stored = { ...entry, id: String(this.#lastId) }
    this.entries.set(stored.id, { entry: stored, committedAtMs: this.clock.now() })
    return stored
  }

  at(id: string): StoredEntry {
    const found = this.entries.get(id)
    if (found === undefined) throw new Error(`the outbox has no entry ${id}`)
    return found
  }

  change(id: string, state: OutboxEntry['state']): StoredEntry {
    const found = this.at(id)
    found.entry = { ...found.entry, state }
    return found
  }

  /** Ids ascend in a Map that is only ever added to. */
  inState(state: OutboxEntry['state']): StoredEntry[] {
    return [...this.entries.values()].filter(({ entry }) => entry.state === state)
  }
}

function sendingFrom(contents: Contents): SendingPart {
  return {
    async readWaiting({ entriesMax, exceptStreams }) {
      const stopped = new Set(exceptStreams)
      for (const { entry } of contents.inState('refused')) stopped.add(entry.stream)
      const waiting = contents.inState('waiting').filter(({ entry }) => !stopped.has(entry.stream))
      return waiting.slice(0, entriesMax).map(({ entry }) => entry)
    },
    async markSent(ids) {
      for (const id of ids) contents.change(id, 'sent').sentAtMs = contents.clock.now()
    },
    async refuse(id, incident) {
      contents.change(id, 'refused').incident = incident
    },
    async find(stream, eventUuid) {
      const all = [...contents.entries.values()]
      return all.find(({ entry }) => entry.stream === stream && entry.eventUuid === eventUuid)?.entry
    },
    async forgetSent(before) {
      const old = contents.inState('sent').filter(({ sentAtMs }) => sentAtMs! < before.getTime())
      for (const { entry } of old) contents.entries.delete(entry.id)
      return old.length
    },
    async health() {
      const waiting = contents.inState('waiting')
      const oldest = Math.min(...waiting.map(({ committedAtMs }) => committedAtMs))
      return {
        waiting: waiting.length,
        refused: contents.inState('refused').length,
        oldestWaitingAt: waiting.length === 0 ? undefined : new Date(oldest),
      }
    },
    async readBacklog(streamsMax) {
      const stopped = new Set(contents.inState('refused').map(({ entry }) => entry.stream))
      const backlog = new Map<string, StoredEntry[]>()
      for (const stored of contents.inState('waiting')) {
        backlog.set(stored.entry.stream, [...(backlog.get(stored.entry.stream) ?? []), stored])
      }
      return [...backlog]
        .map(([stream, waiting]) => ({
          kind: waiting[0]!.entry.kind,
          stream,
          waiting: waiting.length,
          oldestWaitingAt: new Date(Math.min(...waiting.map(({ committedAtMs }) => committedAtMs))),
          isStopped: stopped.has(stream),
        }))
        .sort((one, other) => one.oldestWaitingAt.getTime() - other.oldestWaitingAt.getTime())
        .slice(0, streamsMax)
    },
  }
}

function repairsOf(contents: Contents): Omit<OutboxStore, keyof SendingPart> {
  return {
    async readRefused(entriesMax) {
      const refused = contents.inState('refused').slice(0, entriesMax)
      return refused.map(({ entry, incident }) => ({ entry, incident: incident! }))
    },
    async resend(ids) {
      for (const id of ids) contents.change(id, 'waiting')
    },
    async abandon(id) {
      contents.change(id, 'abandoned')
    },
    async renumber(id) {
      const { entry } = contents.at(id)
      if (entry.state !== 'refused') throw new Error(`only a refused entry can be renumbered, ${id} is ${entry.state}`)
      const stream = contents.streams.get(entry.stream)!
      const number = stream.nextNumber
      stream.nextNumber += 1
      contents.entries.delete(id)
      return contents.put({ ...entry, number, payload: withNumber(entry.payload, number), state: 'waiting' })
    },
    async readStreams({ after, streamsMax }) {
      const sorted = [...contents.streams].sort(([one], [other]) => (one < other ? -1 : 1))
      const rest = sorted.filter(([stream]) => after === undefined || stream > after)
      return rest.slice(0, streamsMax).map(([stream, { kind, nextNumber }]) => ({ kind, stream, nextNumber }))
    },
    async readNumbers({ stream, from, to }) {
      return [...contents.entries.values()]
        .filter(({ entry }) => entry.stream === stream && entry.number >= from && entry.number <= to)
        .sort((one, other) => one.entry.number - other.entry.number)
        .map(({ entry, sentAtMs }) => ({ entry, sentAt: sentAtMs === undefined ? undefined : new Date(sentAtMs) }))
    },
    async raiseNextNumber(stream, nextNumber) {
      const found = contents.streams.get(stream)
      if (found !== undefined) found.nextNumber = Math.max(found.nextNumber, nextNumber)
    },
  }
}
