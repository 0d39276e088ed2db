import type { Client } from './client.ts'
import type { OutboxEntry, OutboxStore, OutboxStream } from './outbox.ts'
import type { CallOptions } from './transport.ts'
import type { NoOp, StreamName } from './wire.ts'
import type { StreamStatus } from './wire-reads.ts'

/**
 * What people decide about a refused event, and the regular comparison of the outbox with the server that finds and
 * closes gaps nobody noticed: events that the server lost are sent again, numbers that will never be sent become
 * no_ops.
 */

/** After the cause was removed (a server was mended): the same bytes again. */
export async function retryRefused(store: OutboxStore, entry: OutboxEntry): Promise<void> {
  await store.resend([entry.id])
}

/** Gives the event up and lets its stream go on: its number becomes a no_op. */
export async function replaceByNoOp(
  { store, client }: { store: OutboxStore; client: Client },
  entry: OutboxEntry,
  reason: string,
): Promise<void> {
  if (entry.number === 0) throw new TypeError('the creation of a stream cannot be replaced by a no_op')
  // First the promise never to send it, then the no_op: the other order could fill the number and still send the event.
  await store.abandon(entry.id)
  await client.recordNoOps([noOpFor(entry, entry.number, reason)])
}

/** Its number was taken by another event: the same event under the next free number of its stream. */
export async function sendUnderNextNumber(store: OutboxStore, entry: OutboxEntry): Promise<OutboxEntry> {
  return await store.renumber(entry.id)
}

export interface RepairOptions {
  readonly store: OutboxStore
  readonly client: Client
  readonly now: () => Date
  /** What was acknowledged more recently than this is left alone: clocks differ, and statuses may be older. */
  readonly settleMs?: number
  readonly call?: CallOptions
  readonly streamsPerRequest?: number
}

export interface RepairReport {
  readonly streams: number
  /** Sent before, not on the server any more: waiting again. */
  readonly resent: readonly OutboxEntry[]
  /** Abandoned numbers that were still missing: no_ops now. */
  readonly filled: readonly OutboxEntry[]
  /** Missing on the server, and forgotten here: only a person can decide about them. */
  readonly unexplained: readonly { readonly stream: string; readonly number: number }[]
  /** The server has numbers that this database never gave: it was restored from a backup. See `adoptServerNumber`. */
  readonly ahead: readonly { readonly stream: OutboxStream; readonly serverNextNumber: number }[]
}

/** Gaps of one stream, and numbers of one gap, that are looked at in one round; the next round sees the rest. */
const gapsMax = 1000
const settleMsDefault = 60_000

export async function repairGaps(options: RepairOptions): Promise<RepairReport> {
  const report = { streams: 0, resent: [], filled: [], unexplained: [], ahead: [] } as MutableReport
  let after: string | undefined
  for (;;) {
    const streams = await options.store.readStreams({ after, streamsMax: options.streamsPerRequest ?? 1000 })
    if (streams.length === 0) return report
    after = streams.at(-1)!.stream
    report.streams += streams.length
    const settledBefore = new Date(options.now().getTime() - (options.settleMs ?? settleMsDefault))
    const lines = streams.map((stream) => ({
      request_uuid: stream.stream,
      max_num_gaps: gapsMax,
      ...streamName(stream),
    }))
    const statuses = await options.client.fetchStreamStatuses(lines, options.call)
    for (const [index, stream] of streams.entries()) {
      await compare(options, { stream, status: statuses[index]!, settledBefore, report })
    }
  }
}

/**
 * Decided by a person who knows that this database lost its newest transactions: numbering goes on after the server's.
 */
export async function adoptServerNumber(store: OutboxStore, stream: string, serverNextNumber: number): Promise<void> {
  await store.raiseNextNumber(stream, serverNextNumber)
}

type MutableReport = {
  -readonly [key in keyof RepairReport]: RepairReport[key] extends readonly (infer Item)[] ? Item[] : RepairReport[key]
}

interface Comparison {
  readonly stream: OutboxStream
  readonly status: StreamStatus
  readonly settledBefore: Date
  readonly report: MutableReport
}

async function compare(options: RepairOptions, { stream, status, settledBefore, report }: Comparison): Promise<void> {
  const serverNextNumber = status.next_sequence_number
  if (serverNextNumber > stream.nextNumber && !(await isGiven(options.store, stream, serverNextNumber - 1))) {
    report.ahead.push({ stream, serverNextNumber })
  }
  for (const { from, to } of missingRanges(stream, status)) {
    const found = await options.store.readNumbers({ stream: stream.stream, from, to })
    const lost = found.flatMap(({ entry, sentAt }) =>
      entry.state === 'sent' && sentAt !== undefined && sentAt < settledBefore ? [entry] : [],
    )
    const abandoned = found.flatMap(({ entry }) => (entry.state === 'abandoned' ? [entry] : []))
    if (lost.length > 0) await options.store.resend(lost.map((entry) => entry.id))
    const noOps = abandoned.map((entry) => noOpFor(entry, entry.number, 'abandoned by the producer'))
    await options.client.recordNoOps(noOps, options.call)
    report.resent.push(...lost)
    report.filled.push(...abandoned)
    const known = new Set(found.map(({ entry }) => entry.number))
    for (let number = from; number <= to; number += 1) {
      if (!known.has(number)) report.unexplained.push({ stream: stream.stream, number })
    }
  }
}

/** Also after the stream was read: producers and senders went on until the server told its status. */
async function isGiven(store: OutboxStore, { stream }: OutboxStream, number: number): Promise<boolean> {
  return (await store.readNumbers({ stream, from: number, to: number })).length > 0
}

/** Gaps below the server's highest number, and everything above it that this side has given. Both ends inclusive. */
export function missingRanges(
  stream: Pick<OutboxStream, 'nextNumber'>,
  status: Pick<StreamStatus, 'gaps' | 'next_sequence_number'>,
): { readonly from: number; readonly to: number }[] {
  const own = status.gaps
    .filter(({ from }) => from < stream.nextNumber)
    .map(({ from, to }) => ({ from, to: Math.min(to, stream.nextNumber - 1) }))
  const tail = { from: status.next_sequence_number, to: stream.nextNumber - 1 }
  const ranges = tail.from <= tail.to ? [...own, tail] : own
  return ranges.map(({ from, to }) => ({ from, to: Math.min(to, from + gapsMax - 1) }))
}

function noOpFor(entry: Pick<OutboxEntry, 'kind' | 'stream'>, number: number, reason: string): NoOp {
  return { request_uuid: crypto.randomUUID(), ...streamName(entry), sequence_number: number, reason }
}

function streamName({ kind, stream }: Pick<OutboxEntry, 'kind' | 'stream'>): StreamName {
  return kind === 'course' ? { course_uuid: stream } : { ecosystem_uuid: stream }
}
