import { hash } from 'node:crypto'
import type { StreamKind } from './events.ts'
import type { Uuid } from './ids.ts'

/**
 * Parts are the sharding key of every table (design §6: P = 64, fixed at installation). Course streams use parts
 * 0…P-1 and ecosystem (content) streams parts P…2P-1, so that a part names the kind as well and no key needs a
 * column for it.
 */
export const partsDefault = 64

/** First 16 bits (big-endian) of SHA-256 of the 16 raw uuid bytes, modulo P (streams.md R3). */
export function partOf(kind: StreamKind, stream: Uuid, parts: number = partsDefault): number {
  const part = hashOf(stream) % parts
  return kind === 'course' ? part : part + parts
}

/** Which of `shares` sub-streams of a course holds the events of a student (streams.md §5.5). */
export function shareOfStudent(student: Uuid, shares: number): number {
  return hashOf(student) % shares
}

const raw = Buffer.alloc(16)

/** In one call and without objects, which takes 40 % of the time: whoever polls for work asks for hundreds. */
function hashOf(uuid: Uuid): number {
  raw.write(uuid.replaceAll('-', ''), 'hex')
  return Number.parseInt(hash('sha256', raw, 'hex').slice(0, 4), 16)
}

export function kindOfPart(part: number, parts: number = partsDefault): StreamKind {
  return part < parts ? 'course' : 'ecosystem'
}
