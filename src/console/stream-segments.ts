/** A stream's numbers 0…next-1 as neighbouring ranges, for drawing. Ends are exclusive, as positions are everywhere. */
export interface StreamSegment {
  /** `delivered`: before the first gap. `missing`: a gap. `waiting`: recorded, held back by a gap before it. */
  readonly kind: 'delivered' | 'missing' | 'waiting'
  readonly from: number
  readonly to: number
}

interface Stream {
  readonly nextSequenceNumber: number
  readonly contiguousSequenceNumber: number
  /** Ascending, both ends inclusive. */
  readonly gaps: readonly { readonly from: number; readonly to: number }[]
}

export function streamSegments(stream: Stream): StreamSegment[] {
  const segments: StreamSegment[] = []
  let at = stream.contiguousSequenceNumber
  if (at > 0) segments.push({ kind: 'delivered', from: 0, to: at })
  for (const gap of stream.gaps) {
    if (gap.from > at) segments.push({ kind: 'waiting', from: at, to: gap.from })
    segments.push({ kind: 'missing', from: gap.from, to: gap.to + 1 })
    at = gap.to + 1
  }
  if (at < stream.nextSequenceNumber) segments.push({ kind: 'waiting', from: at, to: stream.nextSequenceNumber })
  return segments
}

/** How many numbers of one kind there are. */
export function countOf(segments: readonly StreamSegment[], kind: StreamSegment['kind']): number {
  return segments.reduce((sum, segment) => sum + (segment.kind === kind ? segment.to - segment.from : 0), 0)
}
