import type pg from 'pg'
import type { StoredEvent, StreamEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { namedUuid } from '#domain/named-uuid.ts'
import { decodeBody, encodeBody, prepareEvent, scanBody } from './codec.ts'
import { eventCode } from './event-types.ts'
import type { StreamSlot } from './stream-audit.ts'

/**
 * The same event under a second number of its stream (design D4). No index on event uuids is kept for it: `append` sees
 * it within a request, consumers see it when they fold, and the number it took then gets a no_op that names the first.
 */
export function secondCopyUuid(eventUuid: Uuid, number: number): Uuid {
  return namedUuid(eventUuid, String(number))
}

export function secondCopyOf({ kind, stream, number, eventUuid }: StreamEvent, firstNumber: number): StreamEvent {
  const second = secondCopyUuid(eventUuid, number)
  const data = {
    request_uuid: second,
    [kind === 'course' ? 'course_uuid' : 'ecosystem_uuid']: stream,
    sequence_number: number,
    reason: `event ${eventUuid} is stored as number ${firstNumber}`,
  }
  return { kind, stream, number, eventUuid: second, type: 'no_op', data }
}

/** Where a stored event's row is, and what it holds. */
interface StoredRun {
  readonly next_number: number
  readonly events: number
  readonly recorded_at: Date
  readonly body: string
}

const runText = `
  select s.next_number, s.events, s.recorded_at, encode(s.body, 'hex') as body
  from segment s
  where s.part = $1
    and s.stream = $2
    and s.next_number > $3
  order by s.part, s.stream, s.next_number
  limit 1`

/** The server looks for the uuid's bytes; whether an event starts there is for the codec to say. */
const holdingText = `
  select s.next_number, s.events, s.recorded_at, encode(s.body, 'hex') as body
  from segment s
  where s.part = $1
    and s.stream = $2
    and s.next_number - s.events < $3
    and position($4 in s.body) > 0
  order by s.part, s.stream, s.next_number`

/** Compare and set, so that no lock is held while this process thinks; bodies change for nothing else. */
const replaceText = `
  update segment
  set body = $5,
    types = $6
  where part = $1
    and stream = $2
    and next_number = $3
    and body = decode($4, 'hex')`

interface EventSlot extends StreamSlot {
  readonly number: number
}

/**
 * Makes a no_op of the event at this number if the same event stands under a lower one. May be repeated, and asked for
 * by several processes at once. False when there is nothing to replace.
 */
export async function replaceSecondCopy(pool: pg.Pool, slot: EventSlot): Promise<boolean> {
  const { part, stream, number } = slot
  for (;;) {
    const found = await pool.query<StoredRun>(runText, [part, stream, number])
    const run = found.rows[0]
    const events = run === undefined ? [] : decodeRun(slot, run)
    const copy = events.find((event) => event.number === number)
    if (run === undefined || copy === undefined) return false
    const first = await firstNumberOf(pool, slot, copy.eventUuid)
    if (first === undefined || first >= number) return false
    const replaced = events.map((event) => prepareEvent(event === copy ? secondCopyOf(copy, first) : event))
    const types = replaced.reduce((mask, { event }) => mask | (1 << (eventCode(event.type) + 1)), 0)
    const body = encodeBody(replaced)
    const changed = await pool.query(replaceText, [part, stream, run.next_number, run.body, body, types])
    if (changed.rowCount === 1) return true
  }
}

function decodeRun({ kind, stream }: StreamSlot, run: StoredRun): StoredEvent[] {
  return decodeBody(run.body, { kind, stream, start: run.next_number - run.events, recordedAt: run.recorded_at })
}

async function firstNumberOf(pool: pg.Pool, slot: EventSlot, eventUuid: Uuid): Promise<number | undefined> {
  const { part, stream, number } = slot
  const bytes = Buffer.from(eventUuid.replaceAll('-', ''), 'hex')
  const rows = await pool.query<StoredRun>(holdingText, [part, stream, number, bytes])
  for (const row of rows.rows) {
    const events = scanBody(row.body, { ...slot, start: row.next_number - row.events })
    const first = events.find((event) => event.eventUuid === eventUuid)
    if (first !== undefined) return first.number
  }
  return undefined
}
