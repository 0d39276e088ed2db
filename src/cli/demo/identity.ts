import { toUuid } from '#domain/ids.ts'
import { namedUuid } from '#domain/named-uuid.ts'

/**
 * Every uuid of the demo is derived from the study and a name, so that a repeated run sends the same requests again and
 * every call is answered with 200 again.
 */
export type Naming = (name: string) => string

/** Raise the version when the events derived from a study change: the old numbers belong to the old events. */
const namespace = namedUuid(toUuid('6ba7b811-9dad-11d1-80b4-00c04fd430c8'), 'biglearn-demo/1')

export function namingOf(fingerprint: string, seed: number): Naming {
  const root = namedUuid(namespace, `${seed}/${fingerprint}`)
  return (name) => namedUuid(root, name)
}
