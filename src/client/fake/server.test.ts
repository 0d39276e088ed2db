import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createClient } from '../client.ts'
import { RequestRefused } from '../errors.ts'
import { createFakeServer } from './server.ts'

/* What the shared contract suite does not reach: transport, tokens, and what only a fake can do. */
const url = 'http://biglearn.test'
const json = { 'Content-Type': 'application/json' }

test('each audience needs its own token', async () => {
  const tokens = { api: 'one', scheduler: 'two', sparfa: 'three' }
  const { fetch } = createFakeServer({ tokens })
  const right = createClient({ url, fetch, tokens })
  const wrong = createClient({ url, fetch, tokens: { api: 'two', scheduler: 'three', sparfa: 'one' } })
  const calls = (client: typeof right) => [
    client.recordNoOps([{ request_uuid: randomUUID(), course_uuid: randomUUID(), sequence_number: 1 }]),
    client.fetchClueCalculations({ algorithm_name: 'mine' }),
    client.fetchEcosystemMatrices([{ request_uuid: randomUUID(), ecosystem_uuid: randomUUID() }]),
  ]
  for (const call of calls(right)) await call
  for (const call of await Promise.allSettled(calls(wrong))) {
    assert.ok(call.status === 'rejected' && call.reason instanceof RequestRefused)
    assert.deepEqual([call.reason.status, call.reason.code], [400, 'token_invalid'])
  }
})

test('requests that are none are refused as the server refuses them', async () => {
  const { fetch } = createFakeServer()
  const refused = async (path: string, init: RequestInit) => {
    const response = await fetch(`${url}/${path}`, init)
    return [response.status, response.headers.get('biglearn-error-code')]
  }
  assert.deepEqual(await refused('nothing', { method: 'POST', headers: json, body: '{}' }), [404, 'not_found'])
  assert.deepEqual(await refused('create_course', { method: 'GET' }), [404, 'not_found'])
  assert.deepEqual(await refused('create_course', { method: 'POST', headers: json, body: '[]' }), [
    400,
    'body_not_json',
  ])
  assert.deepEqual(await refused('create_course', { method: 'POST', body: '{}' }), [400, 'content_type_invalid'])
  assert.deepEqual(await refused('create_course', { method: 'POST', headers: json, body: '{}' }), [400, 'body_invalid'])
  const many = JSON.stringify({ rosters: new Array(101).fill({}) })
  assert.deepEqual(await refused('update_rosters', { method: 'POST', headers: json, body: many }), [
    400,
    'body_invalid',
  ])
})

test('answers of algorithms come too late, because nothing is ever due', async () => {
  const client = createClient({ url, fetch: createFakeServer().fetch })
  const done = { calculation_uuid: randomUUID(), algorithm_name: 'mine' }
  const expected = [{ calculation_uuid: done.calculation_uuid, calculation_status: 'calculation_unknown' }]
  assert.deepEqual(await client.ecosystemMatricesUpdated([done]), expected)
  const clue_data = { minimum: 0, most_likely: 0.5, maximum: 1, is_real: false }
  assert.deepEqual(await client.updateClueCalculations([{ ...done, clue_data }]), expected)
  const order = { ...done, ecosystem_matrix_uuid: randomUUID(), exercise_uuids: [] }
  assert.deepEqual(await client.updateExerciseCalculations([order]), expected)
  assert.deepEqual(await client.fetchExerciseCalculations({ algorithm_name: 'mine' }), { exercise_calculations: [] })
})

test('a test can look behind the interface, spoil answers and lose events', async () => {
  let spoilt = 0
  const fake = createFakeServer({
    async intercept({ endpoint }, next) {
      if (endpoint !== 'record_no_ops' || spoilt > 0) return await next()
      spoilt += 1
      await next()
      throw new TypeError('connection reset')
    },
  })
  const client = createClient({ url, fetch: fake.fetch, random: () => 0 })
  const course_uuid = randomUUID()
  const noOps = [1, 3].map((sequence_number) => ({ request_uuid: randomUUID(), course_uuid, sequence_number }))
  await client.recordNoOps(noOps)
  assert.deepEqual(fake.storedNumbers('course', course_uuid), [1, 3])
  assert.equal(fake.requests.length, 2)
  fake.loseFrom('course', course_uuid, 2)
  assert.deepEqual(fake.storedNumbers('course', course_uuid), [1])
})
