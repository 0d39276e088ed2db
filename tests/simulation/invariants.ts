import { StudentOrder } from '#crew/test-student-order.ts'
import type { EventType } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { kindOfPart } from '#domain/parts.ts'
import { scanBody } from '#log/codec.ts'
import type { EffectNote } from './crew-store.ts'
import type { Observer, ServerSession, SimulatedServer } from './server.ts'
import type { EffectRow, SlotRow, State } from './state.ts'

/** The subscription that is ordered by student. */
export const divided = 'divided'

function isForAll(type: EventType | undefined): boolean {
  return type !== 'record_response' && type !== 'create_update_assignment' && type !== 'no_op'
}

/** Something that must never be. */
export class Violation extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'Violation'
  }
}

/*
 * The invariants of streams.md §4 that can be seen in what is committed, checked after each commit: B1 and B2 (runs
 * tile, positions have no hole), L1–L3 (one token, no effect under an old one, epochs rise), S1, S2 and S7 (each
 * stream's effects 0, 1, 2, … once, of the very events that are stored; positions never go back).
 */
export class Invariants implements Observer {
  readonly #server: SimulatedServer
  readonly #parts: number
  readonly #seen = new Map<string, number>()
  readonly #slots = new Map<string, SlotRow>()
  readonly #replays = new Map<string, readonly number[]>()
  #restarts = new Map<string, readonly number[]>()
  readonly #types = new Map<string, EventType>()
  readonly #orders = new Map<Uuid, StudentOrder>()
  /** By stream, the uuid under each number. */
  readonly stored = new Map<string, Uuid[]>()
  violation: Violation | undefined
  commits = 0

  constructor(server: SimulatedServer, parts: number) {
    this.#server = server
    this.#parts = parts
  }

  get effects(): number {
    let count = 0
    for (const { effects } of this.#server.state.subscriptions.values()) {
      for (const rows of effects.values()) count += rows.length
    }
    return count
  }

  fail(message: string): void {
    this.violation ??= new Violation(message)
  }

  committed(session: ServerSession, state: State): void {
    this.commits += 1
    this.#look(state)
    if (session.changes.length > 0) this.#checkFence(session, state)
    if (this.#server.deadlocks > 0) this.fail('A5: a deadlock')
  }

  #look(state: State): void {
    for (const [lane, rows] of state.segmentsOfLane) {
      this.#eachNew(`lane ${lane}`, rows, (row, index) => {
        if (row.position !== index + 1) this.fail(`B2: lane ${lane} has position ${row.position} after ${index}`)
      })
    }
    for (const [stream, rows] of state.segmentsOfStream) {
      this.#eachNew(`stream ${stream}`, rows, (row) => {
        const uuids = this.stored.get(row.stream) ?? []
        this.stored.set(row.stream, uuids)
        const start = row.next - row.events
        if (start !== uuids.length) this.fail(`B1: ${stream} goes on at ${start} after ${uuids.length}`)
        const place = { kind: kindOfPart(row.part, this.#parts), stream: row.stream, start }
        for (const { eventUuid, type } of scanBody(row.body.toString('hex'), place)) {
          this.#types.set(`${row.stream} ${uuids.length}`, type)
          uuids.push(eventUuid)
        }
        if (uuids.length !== row.next) this.fail(`B1: the run of ${stream} up to ${row.next} holds something else`)
      })
    }
    for (const [name, { slots, effects }] of state.subscriptions) {
      for (const [key, row] of slots) this.#checkSlot(`${name} ${key}`, row)
      for (const [stream, rows] of effects) {
        this.#eachNew(`effects ${name} ${stream}`, rows, (row, index) => {
          if (name === divided) return this.#checkStudentOrder(stream, row, index)
          const before = rows[index - 1]?.number ?? -1
          const isAgain = row.number <= before && this.#mayRestart(`${name} ${stream}`, row.number)
          if (row.number !== before + 1 && !isAgain) {
            this.fail(`S1, S7: ${name} applied ${stream} ${row.number} after ${before}`)
          }
          const uuid = this.stored.get(stream)?.[row.number]
          if (uuid !== row.eventUuid)
            this.fail(`S4: ${name} applied an event of ${stream} ${row.number} that is not stored`)
        })
      }
    }
  }

  /** Events of a stream that the subscription ordered by student applied, after the last replay. */
  dividedCount(stream: Uuid): number {
    return this.#orders.get(stream)?.count ?? 0
  }

  #checkStudentOrder(stream: Uuid, row: EffectRow, index: number): void {
    const isFirst = index === 0 || (row.number === 0 && this.#mayRestart(`${divided} ${stream}`, 0))
    const known = isFirst ? undefined : this.#orders.get(stream)
    const order = known ?? new StudentOrder((number) => isForAll(this.#types.get(`${stream} ${number}`)))
    this.#orders.set(stream, order)
    const wrong = order.accept(row)
    if (wrong !== undefined) this.fail(`per student: ${divided} applied of ${stream} ${wrong}`)
    if (this.stored.get(stream)?.[row.number] !== row.eventUuid) {
      this.fail(`S4: ${divided} applied an event of ${stream} ${row.number} that is not stored`)
    }
  }

  /** An operator asked for a stream again from this number. */
  replayed(name: string, stream: Uuid, from: number): void {
    const key = `${name} ${stream}`
    this.#replays.set(key, [...(this.#replays.get(key) ?? []), from])
    this.#restarts.set(key, [...(this.#restarts.get(key) ?? []), from])
  }

  /** Each replay begins once. */
  #mayRestart(key: string, number: number): boolean {
    const left = this.#restarts.get(key) ?? []
    if (!left.includes(number)) return false
    this.#restarts.set(key, left.toSpliced(left.indexOf(number), 1))
    return true
  }

  #eachNew<Row>(key: string, rows: readonly Row[], check: (row: Row, index: number) => void): void {
    const from = this.#seen.get(key) ?? 0
    if (from === rows.length) return
    for (let index = from; index < rows.length; index += 1) check(rows[index]!, index)
    this.#seen.set(key, rows.length)
  }

  #checkSlot(key: string, row: SlotRow): void {
    const before = this.#slots.get(key)
    if (before === row) return
    this.#slots.set(key, row)
    if (before === undefined) return
    if (row.position < before.position) this.fail(`S2: ${key} went back from ${before.position} to ${row.position}`)
    if (row.epoch < before.epoch) this.fail(`L3: the epoch of ${key} went back`)
    const isGranted = row.token !== undefined && row.token !== before.token
    if (isGranted && row.epoch <= before.epoch) this.fail(`L1: ${key} got a new token in an old epoch`)
    if (row.exceptions < 0) this.fail(`${key} counts ${row.exceptions} exceptions`)
  }

  #checkFence(session: ServerSession, state: State): void {
    for (const note of session.notes as EffectNote[]) {
      const row = state.subscriptions.get(note.subscription)?.slots.get(note.slot)
      if (row?.token !== note.token) this.fail(`L2: ${note.subscription} ${note.slot} changed under an old token`)
    }
  }

  /** What is left after a crash or a failover is looked at from the beginning. */
  restored(): void {
    this.#seen.clear()
    this.#slots.clear()
    this.stored.clear()
    this.#restarts = new Map(this.#replays)
    this.#look(this.#server.state)
  }

  statement(): void {}
}
