import { createHash } from 'node:crypto'
import { toUuid, type Uuid } from './ids.ts'

/** uuid v5 (RFC 9562 §5.5): the same name in the same namespace is the same uuid, forever. */
export function namedUuid(namespace: Uuid, name: string): Uuid {
  const hash = createHash('sha1')
    .update(Buffer.from(namespace.replaceAll('-', ''), 'hex'))
    .update(name)
    .digest()
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80
  const hex = hash.toString('hex', 0, 16)
  return toUuid(`${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`)
}
