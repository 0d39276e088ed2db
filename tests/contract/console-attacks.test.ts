import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { after, before, test } from 'node:test'
import { startTestApplication, type TestApplication } from '../support/application.ts'
import { course } from './contract-server.ts'

/*
 * The console changes things, so a page from elsewhere must neither send to it nor show it in a frame, whether or not
 * the operator's browser has the token.
 */
const tokens = { api: ['of the api'], scheduler: ['of schedulers'], sparfa: ['of sparfa'], operator: ['of operators'] }
const operator = { authorization: 'Bearer of operators' }
const known = randomUUID()
const retry = { deed: 'retry', subscription: 'learning', kind: 'course', stream: known, actor: 'ada', reason: 'a test' }
const lane = { deed: 'lane', kind: 'course', stream: known, policy: 'dedicated', actor: 'ada', reason: 'a test' }

let guarded: TestApplication
let open: TestApplication
before(async () => {
  guarded = await startTestApplication('api,console', [], { tokens })
  open = await startTestApplication('api,console', [])
  for (const { url } of [guarded, open]) {
    const headers = { 'biglearn-api-token': 'of the api' }
    assert.equal((await send(`${url}/create_course`, { headers, json: course(known) })).status, 200)
  }
})
after(async () => {
  await guarded?.stop()
  await open?.stop()
})

interface Sent {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly json?: object
}

/** Not `fetch`, which keeps Host to itself and cleans paths. */
function send(url: string, { method, headers = {}, json }: Sent = {}) {
  const [, origin = '', path = ''] = /^(http:[/][/][^/]*)(.*)$/.exec(url) ?? []
  const type = json === undefined ? {} : { 'content-type': 'application/json' }
  return new Promise<{ status: number; headers: Headers; text: string }>((done, fail) => {
    const options = { method: method ?? (json === undefined ? 'GET' : 'POST'), path, headers: { ...type, ...headers } }
    const sent = request(origin, options, async (answer) => {
      let text = ''
      for await (const piece of answer.setEncoding('utf8')) text += piece
      done({ status: answer.statusCode ?? 0, headers: new Headers(answer.headers as Record<string, string>), text })
    })
    sent.on('error', fail)
    sent.end(json === undefined ? undefined : JSON.stringify(json))
  })
}

async function audited({ pool }: TestApplication): Promise<number> {
  const answer = await pool.query<{ lines: bigint }>(
    'select (select count(*) from subscription_audit) + (select count(*) from stream_audit) as lines',
  )
  return Number(answer.rows[0]?.lines)
}

test('a deed takes the token of operators and no other', async () => {
  const url = `${guarded.url}/console/api/deeds`
  const others = [...tokens.api, ...tokens.scheduler, ...tokens.sparfa].map((token) => `Bearer ${token}`)
  for (const authorization of ['', 'Bearer ', 'Bearer of operators,', ...others]) {
    assert.equal((await send(url, { headers: { authorization }, json: lane })).status, 401, authorization)
  }
  assert.equal((await send(url, { headers: { 'biglearn-api-token': 'of the api' }, json: lane })).status, 401)
  assert.equal(await audited(guarded), 0)
  assert.equal((await send(url, { headers: operator, json: lane })).status, 200)
  assert.ok((await audited(guarded)) > 0)
})

test('what a page from elsewhere can send without asking first is refused, and nobody answers when it asks', async () => {
  const before = await audited(open)
  for (const type of [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/json',
  ]) {
    const answer = await send(`${open.url}/console/api/deeds`, { headers: { 'content-type': type }, json: lane })
    assert.ok(answer.status >= 400 && answer.status < 500, `${type}: ${answer.status}`)
  }
  const headers = { origin: 'https://elsewhere.example', 'access-control-request-method': 'POST' }
  const asked = await send(`${open.url}/console/api/deeds`, { method: 'OPTIONS', headers })
  assert.equal(asked.status, 404)
  assert.deepEqual(
    [...asked.headers.keys()].filter((name) => name.startsWith('access-control')),
    [],
  )
  assert.equal(await audited(open), before)
})

test('without a token the console answers to names of this machine only, so that no other name can be bent to it', async () => {
  const { port } = new URL(open.url)
  const paths = ['/console/api/overview', '/status']
  for (const host of [
    'elsewhere.example',
    `elsewhere.example:${port}`,
    '127.0.0.1.elsewhere.example',
    '10.0.0.7',
    '[::2]',
    'a b',
  ]) {
    for (const path of paths) assert.equal((await send(open.url + path, { headers: { host } })).status, 401, host)
    assert.equal((await send(`${open.url}/console/api/deeds`, { headers: { host }, json: lane })).status, 401, host)
  }
  assert.equal(await audited(open), 0)
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, 'localhost', `[::1]:${port}`]) {
    for (const path of paths) assert.equal((await send(open.url + path, { headers: { host } })).status, 200, host)
  }
  const named = await send(`${guarded.url}/status`, { headers: { ...operator, host: 'biglearn.example' } })
  assert.equal(named.status, 200, 'a server with tokens has whatever name it was given')
})

test('no page can be shown in a frame, and nothing is taken for what it is not', async () => {
  for (const path of ['/', '/console/operations', '/docs', '/docs/static/swagger-initializer.js']) {
    const page = await send(guarded.url + path)
    assert.equal(page.status, 200, path)
    assert.match(page.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/, path)
  }
  const page = await send(`${guarded.url}/`)
  const [, script = ''] = /src="([^"]+[.]js)"/.exec(page.text) ?? []
  const asset = await send(guarded.url + script)
  assert.deepEqual([asset.status, asset.headers.get('x-content-type-options')], [200, 'nosniff'])
})

test('files beside the application are not reachable', async () => {
  const ways = ['..', '%2e%2e', '..%2f..', '%2e%2e%2f..', '..%5c..', '....//', '%00', '/etc', '%252e%252e']
  for (const folder of ['/console/assets/', '/docs/static/']) {
    for (const way of ways) {
      for (const file of ['index.html', '.inputs-sha256', 'package.json', 'passwd']) {
        const answer = await send(`${guarded.url}${folder}${way}/${file}`)
        assert.ok([302, 403, 404].includes(answer.status), `${folder}${way}/${file}: ${answer.status}`)
      }
    }
  }
})

test('a deed with NUL in a text is refused before the database sees it', async () => {
  const before = await audited(guarded)
  for (const deed of [lane, retry]) {
    for (const changes of [{ actor: 'a\u0000' }, { reason: '\u0000' }, { reason: `${' '.repeat(400)}\u0000` }]) {
      const json = { ...deed, ...changes }
      const answer = await send(`${guarded.url}/console/api/deeds`, { headers: operator, json })
      assert.equal(answer.status, 400, answer.text)
    }
  }
  assert.equal(await audited(guarded), before)
})
