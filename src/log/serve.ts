/**
 * How the limits of a request for many streams are spent: breadth first, every line's first candidate before any line's
 * second, ties in the order of the lines (api.md §4, rules 4 and 5). Pure; the candidates come in as they are read.
 */
export interface Candidate {
  /** UTF-8 bytes of `event_data` as it is sent. */
  readonly wireBytes: number
}

export interface ServedLine<Event extends Candidate> {
  /** Candidates known so far, in order; the first `served` of them are in the answer. */
  readonly candidates: Event[]
  served: number
  /** True when the stream has no further contiguous candidate than those known. */
  isExhausted: boolean
}

export interface Budget {
  events: number
  bytes: number
  isFirst: boolean
  /** Where the limits stopped the serving; undefined while they have not. */
  stop: Turn | undefined
}

/** A place in the order of serving. */
export interface Turn {
  readonly depth: number
  readonly index: number
}

/**
 * Did the turn of this line's next candidate come before the limits were spent? Only then is it the gap that stopped
 * the line; otherwise its consumer has to ask again before it may wait for the producer (truth table of api.md §4).
 */
export function turnCame({ stop }: Budget, served: number, index: number): boolean {
  if (stop === undefined || served < stop.depth) return true
  return served === stop.depth && index < stop.index
}

/**
 * Serves as far as is decided by what is known. Returns 'done' when the limits are spent or every line is, and
 * 'read more' when a line has to be read further (those with `served === candidates.length` that are not exhausted).
 */
export function serve<Event extends Candidate>(
  lines: readonly ServedLine<Event>[],
  budget: Budget,
): 'done' | 'read more' {
  for (;;) {
    const depth = shallowest(lines)
    if (depth === undefined || budget.stop !== undefined) return 'done'
    for (const [index, line] of lines.entries()) {
      if (line.served > depth) continue
      const candidate = line.candidates[depth]
      if (candidate === undefined) {
        if (line.isExhausted) continue
        return 'read more'
      }
      const isServed = spend(budget, candidate)
      if (isServed) line.served += 1
      if (!isServed || budget.events < 1) {
        budget.stop = { depth, index }
        return 'done'
      }
    }
  }
}

/** Number of served candidates of the line that is next in turn; undefined when no line can go on. */
function shallowest(lines: readonly ServedLine<Candidate>[]): number | undefined {
  let depth: number | undefined
  for (const { served, candidates, isExhausted } of lines) {
    const isOpen = served < candidates.length || !isExhausted
    if (isOpen && (depth === undefined || served < depth)) depth = served
  }
  return depth
}

/** The first event of an answer is served whatever its size; after that the limit of bytes is never reached. */
function spend(budget: Budget, { wireBytes }: Candidate): boolean {
  if (!budget.isFirst && wireBytes >= budget.bytes) return false
  budget.events -= 1
  budget.bytes -= wireBytes
  budget.isFirst = false
  return true
}
