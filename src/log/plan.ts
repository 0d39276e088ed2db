import type { StreamKind } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { remembered } from '#domain/remembered.ts'
import { encodeBody, type PreparedEvent } from './codec.ts'
import { eventCode } from './event-types.ts'

/**
 * Turns a group of requests into runs of the streams they touch, in the one order the database is asked in (part,
 * stream, number). Pure: the same requests give the same plan.
 */
export const runEventsMax = 80
/** A row of this size still fits a page; a larger event gets a row of its own, kept out of line. */
export const runBytesMax = 7900

export interface PlanRequest {
  /** Without repetitions: one event a number, at least one event. */
  readonly events: readonly PreparedEvent[]
}

export interface PlannedStream {
  readonly kind: StreamKind
  readonly stream: Uuid
  readonly part: number
  /** Lowest number given. */
  readonly start: number
}

export interface PlannedRun {
  /** Indexes into `streams` and `parts`. */
  readonly streamIndex: number
  readonly partIndex: number
  /** 1, 2, … within its part: the position it takes behind the lane's head. */
  readonly rank: number
  /** Exclusive end. */
  readonly next: number
  readonly events: number
  readonly types: number
  readonly body: Buffer
}

export interface Plan {
  readonly parts: readonly number[]
  readonly streams: readonly PlannedStream[]
  readonly runs: readonly PlannedRun[]
  /** True when a stream's numbers have a hole within the group, so that something has to wait. */
  readonly hasHole: boolean
  readonly created: readonly PreparedEvent[]
  /** Indexes of requests left out: a number of theirs is in an earlier request of the group, or they are early. */
  readonly putOff: ReadonlySet<number>
}

interface GivenStream {
  readonly kind: StreamKind
  readonly stream: Uuid
  readonly part: number
  readonly events: PreparedEvent[]
}

export type PartOfStream = (kind: StreamKind, stream: Uuid) => number

export interface Planning {
  readonly partOf: PartOfStream
  /** May a request be put off because it is early, that is, has a number behind a hole of the group? */
  readonly mayWait: boolean
}

export function planGroup(requests: readonly PlanRequest[], { partOf, mayWait }: Planning): Plan {
  const left = new Set<number>()
  let given = gather(requests, left, partOf)
  if (given.some(({ events }) => hasRepetition(events))) {
    for (const index of findOverlaps(requests)) left.add(index)
    given = gather(requests, left, partOf)
  }
  if (mayWait && given.some(({ events }) => isWithHole(events))) {
    for (const index of findEarly(requests, left)) left.add(index)
    given = gather(requests, left, partOf)
  }
  const parts: number[] = []
  const streams: PlannedStream[] = []
  const runs: PlannedRun[] = []
  const created: PreparedEvent[] = []
  let hasHole = false
  let rank = 0
  for (const { kind, stream, part, events } of given) {
    if (parts.at(-1) !== part) {
      parts.push(part)
      rank = 0
    }
    const partIndex = parts.length - 1
    const streamIndex = streams.push({ kind, stream, part, start: events[0]!.event.number }) - 1
    for (const run of cutRuns(events)) {
      rank += 1
      runs.push({ ...describeRun(run), streamIndex, partIndex, rank })
    }
    hasHole ||= isWithHole(events)
    if (isCreate(events[0]!)) created.push(events[0]!)
  }
  return { parts, streams, runs, hasHole, created, putOff: left }
}

/** Requests that hold a number which an earlier request of the group, itself not put off, holds as well. */
function findOverlaps(requests: readonly PlanRequest[]): number[] {
  const putOff: number[] = []
  const claimed = new Map<string, Set<number>>()
  requests.forEach((request, index) => {
    const isTaken = ({ event }: PreparedEvent): boolean => claimed.get(streamKey(event))?.has(event.number) ?? false
    if (request.events.some(isTaken)) {
      putOff.push(index)
      return
    }
    for (const { event } of request.events) {
      const key = streamKey(event)
      const numbers = claimed.get(key)
      if (numbers === undefined) claimed.set(key, new Set([event.number]))
      else numbers.add(event.number)
    }
  })
  return putOff
}

interface Slot {
  readonly number: number
  readonly request: number
}

/**
 * Requests with a number behind a hole. What is missing there is mostly on its way, and waiting a few milliseconds for
 * it in the process costs a third of waiting for it in `pending`. Where all were early the oldest goes, with what
 * follows upon it: it may be what closes a hole among the stored ones.
 */
function findEarly(requests: readonly PlanRequest[], left: ReadonlySet<number>): ReadonlySet<number> {
  const streams = new Map<string, Slot[]>()
  requests.forEach(({ events }, request) => {
    if (left.has(request)) return
    for (const { event } of events)
      remembered(streams, streamKey(event), () => []).push({ number: event.number, request })
  })
  for (const slots of streams.values()) slots.sort((one, other) => one.number - other.number)
  const early = earlyBut(streams, -1)
  if (early.size + left.size < requests.length) return early
  return earlyBut(
    streams,
    requests.findIndex((_, index) => !left.has(index)),
  )
}

/** Whatever is missing below numbers of the request `oldest` is no hole. */
function earlyBut(streams: ReadonlyMap<string, readonly Slot[]>, oldest: number): ReadonlySet<number> {
  const early = new Set<number>()
  for (let before = -1; before < early.size; ) {
    before = early.size
    for (const slots of streams.values()) {
      let next: number | undefined
      let isBehindHole = false
      const last = slots.findLastIndex(({ request }) => request === oldest)
      slots.forEach(({ number, request }, index) => {
        if (early.has(request)) return
        isBehindHole ||= index > last && next !== undefined && number !== next
        if (isBehindHole) early.add(request)
        next = number + 1
      })
    }
  }
  return early
}

/** Of numbers in ascending order, without repetition. */
function isWithHole(events: readonly PreparedEvent[]): boolean {
  return events.at(-1)!.event.number - events[0]!.event.number >= events.length
}

/** A course and an ecosystem may carry the same uuid. */
export function streamKey({ kind, stream }: { readonly kind: StreamKind; readonly stream: Uuid }): string {
  return kind === 'course' ? stream : `e${stream}`
}

function gather(requests: readonly PlanRequest[], left: ReadonlySet<number>, partOf: PartOfStream): GivenStream[] {
  const byStream = new Map<string, GivenStream>()
  requests.forEach((request, index) => {
    if (left.has(index)) return
    for (const prepared of request.events) {
      const { kind, stream } = prepared.event
      const key = streamKey(prepared.event)
      const known = byStream.get(key)
      if (known === undefined) byStream.set(key, { kind, stream, part: partOf(kind, stream), events: [prepared] })
      else known.events.push(prepared)
    }
  })
  const streams = [...byStream.values()]
  for (const { events } of streams) {
    if (!isAscending(events)) events.sort((one, other) => one.event.number - other.event.number)
  }
  return streams.sort((one, other) => one.part - other.part || (one.stream < other.stream ? -1 : 1))
}

/** Of numbers in ascending order. */
function hasRepetition(events: readonly PreparedEvent[]): boolean {
  for (let index = 1; index < events.length; index += 1) {
    if (events[index - 1]!.event.number === events[index]!.event.number) return true
  }
  return false
}

function isAscending(events: readonly PreparedEvent[]): boolean {
  for (let index = 1; index < events.length; index += 1) {
    if (events[index - 1]!.event.number > events[index]!.event.number) return false
  }
  return true
}

/** Cuts at holes, at the size of a row, and around events that are larger than one. */
function cutRuns(events: readonly PreparedEvent[]): PreparedEvent[][] {
  const runs: PreparedEvent[][] = []
  let bytes = 0
  for (const prepared of events) {
    const run = runs.at(-1)
    const fits =
      run !== undefined &&
      run.at(-1)!.event.number + 1 === prepared.event.number &&
      run.length < runEventsMax &&
      bytes + prepared.bytes <= runBytesMax
    if (fits) {
      run.push(prepared)
      bytes += prepared.bytes
    } else {
      runs.push([prepared])
      bytes = prepared.bytes
    }
  }
  return runs
}

function describeRun(run: readonly PreparedEvent[]): Pick<PlannedRun, 'next' | 'events' | 'types' | 'body'> {
  let types = 0
  for (const { event } of run) types |= 1 << (eventCode(event.type) + 1)
  return { next: run.at(-1)!.event.number + 1, events: run.length, types, body: encodeBody(run) }
}

function isCreate({ event }: PreparedEvent): boolean {
  return event.number === 0 && (event.type === 'create_course' || event.type === 'create_ecosystem')
}
