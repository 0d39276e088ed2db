import { hash, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { isLoopback } from '#platform/config.ts'

/** Whether the value of a header is one of the secrets; without secrets, everything is. */
export type TokenCheck = (presented: string | string[] | undefined) => boolean

/** Compares in constant time with every configured secret, so that neither content nor choice of secret leaks. */
export function tokenCheck(secrets: readonly string[]): TokenCheck {
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

/** The same for `Authorization: Bearer …`. */
export function bearerCheck(secrets: readonly string[]): TokenCheck {
  const isSecret = tokenCheck(secrets)
  return (presented) => isSecret(typeof presented === 'string' ? presented.replace(/^Bearer /i, '') : undefined)
}

/**
 * Whether headers are an operator's (design D33). Without a token the server is open on this machine alone, and a page
 * from elsewhere must not come in by a name that it lets point here (DNS rebinding): to such a page the browser
 * would show and allow everything.
 */
export function operatorCheck(secrets: readonly string[]): (headers: IncomingHttpHeaders) => boolean {
  const isSecret = bearerCheck(secrets)
  return ({ authorization, host }) => isSecret(authorization) && (secrets.length > 0 || isNameOfThisMachine(host))
}

function isNameOfThisMachine(host: string | undefined): boolean {
  const name = URL.parse(`http://${host}`)?.hostname ?? ''
  return isLoopback(name.replace(/^\[(.*)\]$/, '$1'))
}
