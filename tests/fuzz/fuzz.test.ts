import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wireEndpoints } from '#api/endpoints.ts'
import { startContractServer } from '../contract/contract-server.ts'
import { fuzz } from './fuzz.ts'

/* A short run with a fixed seed; `npm run fuzz` runs the whole program for as long as wanted. */
test('fuzzed requests are never answered with a failure, and every endpoint is reached', async () => {
  const server = await startContractServer('postgres')
  let batches = 12
  try {
    const { endpoints, faults } = await fuzz({
      url: server.url,
      tokens: {},
      endpoints: wireEndpoints,
      seed: 1,
      inFlight: 4,
      goOn: () => batches-- > 0,
    })
    assert.deepEqual(
      faults.map(({ request, reason }) => `${request.endpoint}: ${reason}`),
      [],
    )
    const answered = wireEndpoints.filter(({ name }) => (endpoints.get(name)?.statuses.get(200) ?? 0) > 0)
    assert.deepEqual(answered, wireEndpoints)
  } finally {
    await server.stop()
  }
})
