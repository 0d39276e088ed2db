import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wireEndpoints } from '#api/endpoints.ts'
import { subscriptionEndpoints } from '#api/routes/subscriptions.ts'
import { createClient } from '#client/client.ts'
import type { CallOptions } from '#client/transport.ts'

/*
 * The client's calls beside the server's list of endpoints: for each one, the example of the OpenAPI document goes
 * through the client and must arrive as it stands there, and its answer must come back.
 */
type AnyCall = (request: unknown, options?: CallOptions) => Promise<unknown>

interface Sent {
  readonly path: string
  readonly token: string | undefined
  readonly body: unknown
}

function recordingClient(reply: object) {
  const sent: Sent[] = []
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const headers = new Headers(init?.headers)
    const audiences = ['api', 'sparfa', 'scheduler']
    const names = [...audiences.map((audience) => `biglearn-${audience}-token`), 'authorization']
    const token = names.map((name) => headers.get(name)).find((value) => value !== null)
    sent.push({ path: new URL(String(input)).pathname, token, body: JSON.parse(String(init?.body)) })
    return Response.json(reply)
  }
  const tokens = { api: 'api', sparfa: 'sparfa', scheduler: 'scheduler', consumer: 'consumer' }
  const client = createClient({ url: 'http://biglearn.test/', fetch, tokens })
  return { client, calls: client as unknown as { readonly [name: string]: AnyCall | undefined }, sent }
}

const callName = (endpoint: string) => endpoint.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase())

/** A request that is nothing but a list is a bulk call: the client takes the items, and gives the lines. */
function listOf(value: object): unknown[] | undefined {
  const [only, ...others] = Object.values(value)
  return others.length === 0 && Array.isArray(only) ? only : undefined
}

for (const { name, audience, examples } of wireEndpoints) {
  test(`${name} travels as its example`, async () => {
    const { calls, sent } = recordingClient(examples.response)
    const call = calls[callName(name)]
    assert.ok(call !== undefined, `the client has no ${callName(name)}`)
    const items = listOf(examples.request)
    const reply = await call(items ?? examples.request)
    assert.deepEqual(sent, [{ path: `/${name}`, token: audience, body: examples.request }])
    assert.deepEqual(reply, items === undefined ? examples.response : listOf(examples.response))
  })
}

for (const { name, path, examples } of subscriptionEndpoints) {
  test(`${name} travels as its example`, async () => {
    const { client, sent } = recordingClient(examples.response)
    const calls = client.subscription('grades') as unknown as { readonly [name: string]: AnyCall | undefined }
    const call = calls[name.replace('subscription_', '')]
    assert.ok(call !== undefined, `subscriptions of the client have no ${name}`)
    assert.deepEqual(await call(examples.request), examples.response)
    const sentTo = path.replace('{name}', 'grades')
    assert.deepEqual(sent, [{ path: sentTo, token: 'Bearer consumer', body: examples.request }])
  })
}

test('the client has no call of the wire that the server does not know', () => {
  const { calls } = recordingClient({})
  const known = new Set(wireEndpoints.map(({ name }) => callName(name)))
  // Those of operators are listed elsewhere; `position` asks nobody.
  const others = /^(transport|fetchStatus|subscription|position)$/
  const unknown = Object.keys(calls).filter((name) => !known.has(name) && !others.test(name))
  assert.deepEqual(unknown, [])
})
