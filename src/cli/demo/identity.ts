import { createHash } from 'node:crypto'

/**
 * Every uuid of the demo is derived from the study and a name (uuid v5, RFC 9562 §5.5), so that a repeated run sends the
 * same requests again and every call is answered with 200 again.
 */
export type Naming = (name: string) => string

/** Raise the version when the events derived from a study change: the old numbers belong to the old events. */
const namespace = uuid5('6ba7b811-9dad-11d1-80b4-00c04fd430c8', 'biglearn-demo/1')

export function namingOf(fingerprint: string, seed: number): Naming {
  const root = uuid5(namespace, `${seed}/${fingerprint}`)
  return (name) => uuid5(root, name)
}

export function uuid5(space: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(space.replaceAll('-', ''), 'hex'))
    .update(name)
  const bytes = hash.digest().subarray(0, 16)
  bytes[6] = (bytes[6]! & 0x0f) | 0x50
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}
