import { after, before, describe } from 'node:test'
import { type Client, createClient } from '#client/client.ts'
import { createFakeServer } from '#client/fake/server.ts'
import { clientContract } from './client-suite.ts'
import { type ContractServer, startContractServer } from './contract-server.ts'

/*
 * The client contract on a server that breaks one rule: `node --test` of this file must fail. Which server and which
 * rule come from the environment (BROKEN_SERVER, BROKEN_RULE); without a rule it must pass.
 */
export const rules: Readonly<Record<string, (path: string, body: string) => string>> = {
  none: (_path, body) => body,
  'a gap is told as the end': (path, body) =>
    path.endsWith('_events') ? body.replaceAll('"is_gap":true,"is_end":false', '"is_gap":false,"is_end":true') : body,
  'an unknown container is unready': (_path, body) => body.replaceAll('"book_container_unknown"', '"clue_unready"'),
  'a repeated creation is another course': (path, body) =>
    path === '/create_course' ? body.replace(/(?<="created_course_uuid":")./, otherDigit) : body,
}

/** Never the digit itself: a fixed one would leave every sixteenth uuid as it was. */
function otherDigit(digit: string): string {
  return (Number.parseInt(digit, 16) ^ 1).toString(16)
}

function breaking(fetch: typeof globalThis.fetch, rule: string): typeof globalThis.fetch {
  const spoil = rules[rule]
  if (spoil === undefined) throw new Error(`there is no rule "${rule}"`)
  return async (input, init) => {
    const answer = await fetch(input, init)
    const body = spoil(new URL(String(input)).pathname, await answer.text())
    const headers = new Headers(answer.headers)
    headers.delete('content-length')
    headers.delete('content-encoding')
    return new Response(body, { status: answer.status, headers })
  }
}

const { BROKEN_SERVER: kind, BROKEN_RULE: rule = 'none' } = process.env
if (kind === 'fake') {
  const client = createClient({ url: 'http://biglearn.test', fetch: breaking(createFakeServer().fetch, rule) })
  clientContract(() => client)
}
if (kind === 'server') {
  describe('server', () => {
    let server: ContractServer
    let client: Client
    before(async () => {
      server = await startContractServer('memory')
      client = createClient({ url: server.url, fetch: breaking(globalThis.fetch, rule) })
    })
    after(() => server.stop())
    clientContract(() => client)
  })
}
