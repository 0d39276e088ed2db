import { hash, timingSafeEqual } from 'node:crypto'

/** Compares in constant time with every configured secret, so that neither content nor choice of secret leaks. */
export function tokenCheck(secrets: readonly string[]): (presented: string | string[] | undefined) => boolean {
  if (secrets.length === 0) return () => true
  const digests = secrets.map((secret) => hash('sha256', secret, 'buffer'))
  return (presented) => {
    if (typeof presented !== 'string') return false
    const digest = hash('sha256', presented, 'buffer')
    let found = false
    for (const expected of digests) found = timingSafeEqual(digest, expected) || found
    return found
  }
}
