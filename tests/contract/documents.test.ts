import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, test } from 'node:test'
import { wireEndpoints } from '#api/endpoints.ts'
import { subscriptionEndpoints } from '#api/routes/subscriptions.ts'
import { type MemoryServer, startMemoryServer } from './contract-server.ts'

/* docs/api.md: its samples work as they are printed, and it speaks of every endpoint and of no other. */
let server: MemoryServer
let text: string
before(async () => {
  server = await startMemoryServer()
  text = await readFile(new URL('../../docs/api.md', import.meta.url), 'utf8')
})
after(() => server.stop())

test('the samples are answered as printed', async () => {
  const samples = [
    ...text.matchAll(/^curl -s localhost:8080\/(\w+) [^']*'content-type: application\/json' -d '([^']+)'\n# (.+)$/gm),
  ]
  assert.equal(samples.length, 3)
  for (const [, endpoint = '', body = '', printed = ''] of samples) {
    const answer = await server.post(endpoint, body)
    assert.equal(answer.status, 200, answer.text)
    if (printed.startsWith('{')) assert.deepEqual(answer.json, JSON.parse(printed))
    else assert.ok(answer.text.includes('book_container_unknown') && printed.includes('book_container_unknown'))
  }
})

test('every endpoint is explained, and nothing that does not exist', () => {
  const families = text.includes('`update_…`') ? wireEndpoints.filter(({ tag }) => tag === 'results') : []
  const explained = new Set(families.map(({ name }) => name))
  for (const [, name = ''] of text.matchAll(
    /\b((?:create|update|fetch|record|prepare)_[a-z_]+|ecosystem_matrices_updated)\b/g,
  ))
    explained.add(name)
  explained.delete('record_response')
  const names = wireEndpoints.map(({ name }) => name)
  assert.deepEqual([...explained].toSorted(), names.toSorted())
})

test('every call of subscriptions is explained, and nothing that does not exist', () => {
  const explained = [...text.matchAll(/^\| `(\/subscriptions\/[^`]*)` +\|/gm)].map(([, path]) => path)
  assert.deepEqual(
    explained,
    subscriptionEndpoints.map(({ path }) => path),
  )
})
