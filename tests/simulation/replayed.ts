import assert from 'node:assert/strict'
import type pg from 'pg'
import { replayStream } from '#crew/control.ts'
import { type SlotKey, slotName } from '#crew/ownership.ts'
import { postgresCrewStore } from '#crew/postgres-store.ts'
import { createSlotsOfLanes, registerSubscription, type SlotGrant } from '#crew/slots.ts'
import type { CrewConnection, CrewStore, CrewTransaction } from '#crew/store.ts'
import { partOf } from '#domain/parts.ts'
import type { LaneEntry, OpenedLog, StreamStatus } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { postgresLogStore } from '#log/postgres-store.ts'
import type { LogStore, LogWriter } from '#log/store.ts'
import type { Operation } from './history.ts'
import { divided } from './invariants.ts'

/*
 * Asks PostgreSQL what a history asked the server in memory, one operation after the other on as many sessions, under
 * the clock of the history, and compares the answers.
 */
export const replayedParts = 2
const limits = { lockTimeoutMs: 5000, idleTimeoutMs: 60_000, totalTimeoutMs: undefined }

/** `now()` is the clock of the history for sessions whose search path begins with `replayed`. */
export async function installClock(admin: pg.Pool): Promise<void> {
  await admin.query(`
    create schema replayed;
    create table replayed.clock (ms double precision not null);
    insert into replayed.clock values (0);
    create function replayed.now() returns timestamptz language sql stable as
      'select to_timestamp(ms / 1000) from replayed.clock';
    alter table course_exception alter column next_at set default replayed.now();
    update log_installation set parts = ${replayedParts};
    create table effect (id bigint generated always as identity, subscription text, stream uuid, number bigint)`)
}

/** Empties what a history filled. */
export async function empty(admin: pg.Pool): Promise<void> {
  // Quicker than truncate where there is little.
  const tables = [
    'segment',
    'pending',
    'stream_lane',
    'stream_move',
    'stream_metadata',
    'rejected_event',
    'stream_audit',
    'subscription',
    'member',
    'slot',
    'course_exception',
    'subscription_skip',
    'subscription_audit',
    'effect',
  ]
  await admin.query(`
    ${tables.map((table) => `delete from ${table};`).join('\n')}
    delete from lane where lane > 0;
    update lane set early_runs = 0, early_bytes = 0, moved_streams = 0;
    update stream_counter set next_number = 0`)
}

/** Statements whose answer or effect depends on the clock. */
const timed = new Set([
  'beat',
  'leave',
  'dueExceptions',
  'postpone',
  'setAside',
  'waitAside',
  'moveException',
  'replay',
])
/** They tell of waiting for a lock at one moment, or keep what only people read. */
const left = new Set(['freeGates', 'keepRejected', 'forgetRejected', 'writeAudit', 'audits', 'metadata', 'blocked'])

interface ReplayAnswer {
  readonly nextNumber: number
  readonly status: StreamStatus
  readonly heads: Map<string, bigint>
}

interface Worker {
  readonly connection: CrewConnection
  transaction: CrewTransaction | undefined
  finish: { readonly commit: () => void; readonly rollBack: (reason: Error) => void } | undefined
  over: Promise<unknown>
}

export class Replay {
  compared = 0
  readonly #admin: pg.Pool
  readonly #pool: pg.Pool
  readonly #log: OpenedLog
  readonly #store: LogStore
  readonly #crews = new Map<string, CrewStore>()
  readonly #writers = new Map<number, LogWriter>()
  readonly #workers = new Map<number, Worker>()
  /** Tokens are drawn where slots are granted: those of the history by those of PostgreSQL. */
  readonly #tokens = new Map<unknown, unknown>()

  private constructor(admin: pg.Pool, pool: pg.Pool, log: OpenedLog) {
    this.#admin = admin
    this.#pool = pool
    this.#log = log
    this.#store = postgresLogStore(pool, replayedParts, (kind, stream) => partOf(kind, stream, replayedParts))
  }

  static async open(admin: pg.Pool, pool: pg.Pool): Promise<Replay> {
    const replay = new Replay(admin, pool, await openLog(pool, { parts: replayedParts }))
    for (const [name, orderedBy] of [
      ['plain', 'stream'],
      ['fussy', 'stream'],
      [divided, 'student'],
    ] as const) {
      const setup = {
        name,
        orderedBy,
        mode: 'embedded',
        kinds: ['course'],
        startsAt: 'beginning',
        parts: replayedParts,
      } as const
      await registerSubscription(pool, setup, async () => new Map())
      const subscription = { name, apply: recordEffects(name) }
      replay.#crews.set(name, postgresCrewStore({ pool, heartbeatPool: pool, subscription, limits, build: '' }))
    }
    return replay
  }

  async close(): Promise<void> {
    for (const session of [...this.#writers.keys(), ...this.#workers.keys()]) await this.#end(session)
    await this.#log.close()
  }

  async run(operation: Operation): Promise<void> {
    if (left.has(operation.name) || isOfTheMoment(operation)) return
    if (timed.has(operation.name)) await this.#admin.query('update replayed.clock set ms = $1', [operation.atMs])
    const words = this.#translated(withoutLocked(operation)) as never[]
    const answer = await this.#ask(operation, words).catch((error: unknown) => {
      throw new Error(`${describe(operation)}: ${error}`, { cause: error })
    })
    if (operation.name === 'acquire') return this.#compareGrants(operation, answer as SlotGrant[])
    if (operation.name === 'end' || operation.session === undefined) return
    this.compared += 1
    assert.deepEqual(plain(answer), plain(this.#translated(operation.answer)), describe(operation))
  }

  async #ask(operation: Operation, words: never[]): Promise<unknown> {
    const { name, session = -1, purpose } = operation
    const [role, subscription = ''] = purpose.split(' ')
    if (name === 'end') return this.#end(session)
    if (role === 'members') return call(this.#crews.get(subscription)?.ownership, name, words)
    if (role === 'worker') return this.#askWorker(session, subscription, name, words)
    if (role === 'operator') return this.#operate(name, words, operation.answer)
    if (role !== 'writer') return call(this.#store, name, words)
    const writer = this.#writers.get(session) ?? (await this.#store.openWriter())
    this.#writers.set(session, writer)
    return call(writer, name, words)
  }

  async #askWorker(session: number, subscription: string, name: string, words: never[]): Promise<unknown> {
    let worker = this.#workers.get(session)
    if (worker === undefined) {
      const connection = await this.#crews.get(subscription)!.connect(() => undefined)
      worker = { connection, transaction: undefined, finish: undefined, over: Promise.resolve() }
      this.#workers.set(session, worker)
    }
    if (name === 'begin') return begin(worker)
    if (name === 'commit' || name === 'rollback') return finish(worker, name)
    if (name === 'createSlots')
      return worker.connection.createSlots(await this.#withoutSlots(words[0] ?? [], subscription))
    if (name in worker.connection) return call(worker.connection, name, words)
    return call(worker.transaction, name, words)
  }

  async #operate(name: string, words: readonly unknown[], answer: unknown): Promise<unknown> {
    if (name === 'slots of') return createSlotsOfLanes(this.#admin, await this.#withoutSlots(words as SlotKey[]))
    if (name === 'pause') {
      return this.#admin.query('update subscription set is_paused = $2 where name = $1', [...words])
    }
    assert.equal(name, 'replay')
    if (answer === undefined) return undefined
    const [subscription, stream] = words as [string, never]
    const { nextNumber, status, heads } = answer as ReplayAnswer
    const deed = { subscription, actor: 'replay', reason: 'replay' }
    const choice = { kind: 'course' as const, stream, parts: replayedParts }
    // What it read before others went on.
    const source = { statuses: async () => [status], laneHeads: async () => heads, readLanes: async () => [] }
    const isReplayed = await replayStream(this.#pool, source, deed, choice, nextNumber)
    return isReplayed ? answer : undefined
  }

  /** An insert that meets a row which is being changed waits for that, though it inserts nothing. */
  async #withoutSlots(keys: readonly SlotKey[], subscription = 'plain'): Promise<SlotKey[]> {
    const text = 'select part, lane from slot where subscription = $1'
    const found = await this.#admin.query<SlotKey>(text, [subscription])
    const known = new Set(found.rows.map(slotName))
    return keys.filter((key) => !known.has(slotName(key)))
  }

  async #end(session: number): Promise<void> {
    this.#writers.get(session)?.release(new Error('the session is over'))
    this.#writers.delete(session)
    const worker = this.#workers.get(session)
    this.#workers.delete(session)
    if (worker?.finish !== undefined) await finish(worker, 'rollback')
    worker?.connection.close()
  }

  /** In whatever order the rows come. */
  #compareGrants(operation: Operation, ours: readonly SlotGrant[]): void {
    const theirs = operation.answer as SlotGrant[]
    const granted = new Map(ours.map((grant) => [slotName(grant), grant]))
    for (const grant of theirs) this.#tokens.set(grant.token, granted.get(slotName(grant))?.token)
    const expected = new Map(theirs.map((grant) => [slotName(grant), this.#translated(grant)]))
    this.compared += 1
    assert.deepEqual(plain(granted), plain(expected), describe(operation))
  }

  #translated(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((item) => this.#translated(item))
    if (typeof value !== 'object' || value === null || !('token' in value)) return value
    return { ...value, token: this.#tokens.get(value.token) ?? value.token }
  }
}

/** The transaction goes on until it is told how to end. */
async function begin(worker: Worker): Promise<void> {
  const begun = Promise.withResolvers<void>()
  worker.over = worker.connection.transaction((transaction) => {
    const ending = Promise.withResolvers<void>()
    worker.transaction = transaction
    worker.finish = { commit: ending.resolve, rollBack: ending.reject }
    begun.resolve()
    return ending.promise
  })
  worker.over.catch(begun.reject)
  await begun.promise
}

async function finish(worker: Worker, how: 'commit' | 'rollback'): Promise<void> {
  const { finish: given, over } = worker
  worker.finish = undefined
  worker.transaction = undefined
  if (how === 'commit') given?.commit()
  else given?.rollBack(new Error('rolled back'))
  await (how === 'commit' ? over : over.catch(() => undefined))
}

function recordEffects(name: string) {
  return async (transaction: pg.ClientBase, entries: readonly LaneEntry[]): Promise<void> => {
    const events = entries.flatMap((entry) => entry.events)
    await transaction.query(
      `insert into effect (subscription, stream, number)
       select $1, stream, number from unnest($2::uuid[], $3::bigint[]) as given (stream, number)`,
      [name, events.map((event) => event.stream), events.map((event) => event.number)],
    )
  }
}

function call(target: object | undefined, name: string, words: readonly never[]): Promise<unknown> {
  const method: unknown = target === undefined ? undefined : Reflect.get(target, name)
  if (typeof method !== 'function') throw new Error(`nobody answers ${name}`)
  return Promise.resolve(Reflect.apply(method, target, words))
}

/** A row was locked at that very moment, and nothing was done. */
function isOfTheMoment({ answer, gaveUp }: Operation): boolean {
  return gaveUp && (!Array.isArray(answer) || answer.length === 0)
}

/** Of slots of which some were locked at that moment, those that were not. */
function withoutLocked({ words, answer, gaveUp }: Operation): readonly unknown[] {
  if (!gaveUp || !Array.isArray(answer)) return words
  const done = new Set((answer as SlotGrant[]).map(slotName))
  return words.map((word) => (Array.isArray(word) ? word.filter((slot) => done.has(slotName(slot))) : word))
}

const times = new Set(['recorded_at', 'oldestBlockedAt'])

/** Comparable: maps in the order of keys, numbers of all kinds alike, no times, no absent keys. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint' || typeof value === 'number') return String(value)
  if (value instanceof Map) {
    return [...value]
      .map(([key, item]) => [key, plain(item)])
      .sort(([one], [other]) => (String(one) < String(other) ? -1 : 1))
  }
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([key, item]) => item !== undefined && !times.has(key))
  return Object.fromEntries(kept.map(([key, item]) => [key, plain(item)]))
}

function describe({ name, session, purpose, order, words }: Operation): string {
  const text = JSON.stringify(words, (_, item) => (typeof item === 'bigint' ? String(item) : item))
  return `operation ${order}, session ${session} (${purpose}): ${name} ${text.slice(0, 500)}`
}
