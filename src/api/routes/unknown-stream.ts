import type { StreamKind } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import type { StreamStatus } from '#log/log.ts'

/** The status of a stream nobody wrote to. */
export function unknownStream(kind: StreamKind, stream: Uuid): StreamStatus {
  return {
    kind,
    stream,
    isKnown: false,
    isCreated: false,
    nextSequenceNumber: 0,
    contiguousSequenceNumber: 0,
    gaps: [],
    oldestBlockedAt: undefined,
  }
}
