/*
 * Which events of many streams one fetch serves (api.md §4, rules 2–7): breadth first by rank within each line, ties by
 * request order, until the events or the bytes of the whole request are spent. The first event is always served, even
 * alone above the budget, so that a consumer can never be stuck. Pure: the caller reads events in, bit by bit.
 */
export interface Candidate {
  readonly number: number
  /** UTF-8 bytes of `event_data` as we send it (design D16). */
  readonly bytes: number
}

export interface ServingLine<Event extends Candidate> {
  /** Where the next read starts. */
  cursor: number
  /** First number that may not be served: the end of the gap-free prefix when the request arrived. */
  readonly end: number
  /** Read, but not served yet. */
  readonly waiting: Event[]
  readonly served: Event[]
  /** Its turn came while budget was left, and nothing of it before its end was left to serve. */
  isServedOut: boolean
}

export interface Serving<Event extends Candidate> {
  readonly lines: readonly ServingLine<Event>[]
  eventsLeft: number
  bytesLeft: number
  isSpent: boolean
  hasServed: boolean
  /** The line whose turn it is. */
  turn: number
}

export function startServing<Event extends Candidate>(
  lines: readonly { readonly from: number; readonly end: number }[],
  budget: { readonly eventsMax: number; readonly bytesMax: number },
): Serving<Event> {
  return {
    lines: lines.map(({ from, end }) => ({ cursor: from, end, waiting: [], served: [], isServedOut: false })),
    eventsLeft: budget.eventsMax,
    bytesLeft: budget.bytesMax,
    isSpent: false,
    hasServed: false,
    turn: 0,
  }
}

export function isReadOut(line: ServingLine<Candidate>): boolean {
  return line.cursor >= line.end
}

/** Adds what was read from `line.cursor`; an empty read means that the line has no further candidate. */
export function takeIn<Event extends Candidate>(line: ServingLine<Event>, events: readonly Event[]): void {
  for (const event of events) {
    if (event.number < line.end) line.waiting.push(event)
  }
  const last = events.at(-1)
  line.cursor = last === undefined ? line.end : last.number + 1
}

/**
 * Serves in order until the budget is spent, all lines are served out, or a line whose turn it is must be read first.
 * Returns true in the last case.
 */
export function serve<Event extends Candidate>(serving: Serving<Event>): boolean {
  const { lines } = serving
  let idleTurns = 0
  while (!serving.isSpent && idleTurns < lines.length) {
    const line = lines[serving.turn]
    if (line === undefined) return false
    const event = line.waiting[0]
    if (event === undefined && !isReadOut(line)) return true
    if (event === undefined) {
      idleTurns += 1
      line.isServedOut = true
    } else {
      idleTurns = 0
      spend(serving, event)
      if (serving.isSpent) return false
      line.waiting.shift()
      line.served.push(event)
      if (serving.eventsLeft === 0) serving.isSpent = true
    }
    serving.turn = (serving.turn + 1) % lines.length
  }
  return false
}

/** The sum must stay strictly below the budget; a first event that is larger takes all of it. */
function spend(serving: Serving<Candidate>, event: Candidate): void {
  if (serving.hasServed && event.bytes >= serving.bytesLeft) serving.isSpent = true
  if (serving.isSpent) return
  serving.hasServed = true
  serving.eventsLeft -= 1
  serving.bytesLeft -= event.bytes
}

/** How many events to read next for each line that has none waiting: an equal share of what is left. */
export function readQuota(serving: Serving<Candidate>): number {
  const active = serving.lines.filter((line) => line.waiting.length > 0 || !isReadOut(line)).length
  return Math.max(1, Math.ceil(serving.eventsLeft / Math.max(1, active)))
}

export interface LineFlags {
  readonly isGap: boolean
  readonly isEnd: boolean
}

/**
 * `hasMore`: a candidate before the gap was not served. `isAwaited`: a candidate waits behind the gap. The gap is only
 * reported when it, and not the budget, stopped the line; otherwise the consumer asks again first.
 */
export function lineFlags(facts: { hasMore: boolean; isAwaited: boolean; isServedOut: boolean }): LineFlags {
  const { hasMore, isAwaited, isServedOut } = facts
  return { isGap: !hasMore && isAwaited && isServedOut, isEnd: !hasMore && !isAwaited }
}
