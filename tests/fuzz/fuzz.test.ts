import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allEndpoints } from '#api/endpoints.ts'
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
      endpoints: allEndpoints,
      seed: 1,
      inFlight: 4,
      goOn: () => batches-- > 0,
    })
    assert.deepEqual(
      faults.map(({ request, reason }) => `${request.endpoint}: ${reason}`),
      [],
    )
    const unanswered = allEndpoints.filter(({ name }) => (endpoints.get(name)?.statuses.get(200) ?? 0) === 0)
    assert.deepEqual(
      unanswered.map(({ name }) => name),
      [],
    )
  } finally {
    await server.stop()
  }
})
