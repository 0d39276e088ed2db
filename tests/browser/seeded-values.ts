import { createHash } from 'node:crypto'
import { toUuid, type Uuid } from '#domain/ids.ts'

/** A uuid that is always the same for the same words. */
export function uuidOf(words: string): Uuid {
  const hex = createHash('sha256').update(words).digest('hex')
  return toUuid(
    `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`,
  )
}

/** 0…1, always the same for the same words. */
export function chance(words: string): number {
  return createHash('sha256').update(words).digest().readUInt32BE(0) / 2 ** 32
}
