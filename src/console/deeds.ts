import type { OperatorDeed } from '#api/console/operator-deeds.ts'
import { connection, readToken } from './connection.ts'

/** Sends a deed; undefined when it was done, else what to tell the person who asked for it. */
export async function sendDeed(deed: OperatorDeed): Promise<string | undefined> {
  const token = readToken()
  try {
    const response = await fetch('/console/api/deeds', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(deed),
      signal: AbortSignal.timeout(sendMsMax),
    })
    if (response.ok) return undefined
    if (response.status === 401) {
      connection.locked()
      return 'The server asks for the operator token again.'
    }
    if (response.status === 409) return `Nothing was changed: ${await firstError(response)}.`
    return `The server refused this (status ${response.status}).`
  } catch {
    return 'There was no answer, so it may have happened or not. Look at this page, then try again.'
  }
}

const sendMsMax = 15_000

async function firstError(response: Response): Promise<string> {
  const body = (await response.json()) as { readonly errors?: readonly string[] }
  return body.errors?.[0] ?? 'things are not as they were shown'
}

const nameKey = 'biglearn-operator-name'

/** Whose name is in the audit: asked for once a tab. */
export function readName(): string {
  return sessionStorage.getItem(nameKey) ?? ''
}

export function keepName(name: string): void {
  sessionStorage.setItem(nameKey, name)
}
