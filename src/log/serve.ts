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
    if (depth === undefined || budget.events < 1) return 'done'
    for (const line of lines) {
      if (line.served > depth) continue
      const candidate = line.candidates[depth]
      if (candidate === undefined) {
        if (line.isExhausted) continue
        return 'read more'
      }
      if (!spend(budget, candidate)) return 'done'
      line.served += 1
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
  if (budget.events < 1 || (!budget.isFirst && wireBytes >= budget.bytes)) return false
  budget.events -= 1
  budget.bytes -= wireBytes
  budget.isFirst = false
  return true
}
