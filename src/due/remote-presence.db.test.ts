import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toUuid } from '#domain/ids.ts'
import { partsDefault } from '#domain/parts.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import { openPool } from '#platform/postgres.ts'
import { openRemotePresence, withPresence } from './remote-presence.ts'
import { createStoredResults } from './stored-results.ts'
import { openSubmittedClues } from './submitted-clues.ts'
import { openSubmittedOrderings } from './submitted-orderings.ts'

const { url, pool } = await openTestDatabase()

const uuid = (n: number) => toUuid(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`)

/** What one process has, and how often it asked for results. */
function openProcess() {
  const asked: string[] = []
  const results = createStoredResults({ pool, parts: partsDefault })
  const stores = withPresence(
    {
      results: {
        ...results,
        readPicks: (kind, keys) => {
          asked.push(kind)
          return results.readPicks(kind, keys)
        },
      },
      orderings: openSubmittedOrderings(pool),
      clues: openSubmittedClues(pool),
    },
    openRemotePresence(pool),
  )
  return { ...stores, asked }
}

const pick = { algorithm: 'remote', calculation: uuid(2), matrix: uuid(3), exercises: [uuid(4)], spyInfo: {} }

test('what one process uploads is found by another that has seen nothing, as soon as it is acknowledged', async () => {
  for (let round = 0; round < 5; round += 1) {
    await pool.query('truncate pick_result')
    const [writer, reader] = [openProcess(), openProcess()]
    const key = { subject: uuid(100 + round), algorithm: 'remote' }
    assert.deepEqual(await reader.results.readPicks('pe', [key]), [undefined])
    assert.deepEqual(reader.asked, [], 'nothing can be there')
    // So that its trust ends at different times after the upload.
    await new Promise((done) => setTimeout(done, 40 * round))
    await writer.results.putPicks('pe', [{ ...pick, ...key }])
    assert.equal((await reader.results.readPicks('pe', [key]))[0]?.calculation, pick.calculation)
    assert.deepEqual((await openProcess().results.readPicks('pe', [key]))[0]?.exercises, [uuid(4)])
  }
})

test('of two writers the second waits too, until everybody must know of the first', async () => {
  await pool.query('truncate pick_result')
  const [one, other, reader] = [openProcess(), openProcess(), openProcess()]
  const [first, second] = [uuid(201), uuid(202)].map((subject) => ({ subject, algorithm: 'remote' }))
  assert.ok(first !== undefined && second !== undefined)
  await reader.results.readPicks('pe', [second])
  const writing = one.results.putPicks('pe', [{ ...pick, ...first }])
  while ((await pool.query('select from pick_result')).rowCount === 0);
  assert.equal((await other.results.readPicks('pe', [first]))[0]?.subject, first.subject, 'it knows by looking')
  await other.results.putPicks('pe', [{ ...pick, ...second }])
  assert.equal((await reader.results.readPicks('pe', [second]))[0]?.subject, second.subject)
  await writing
})

test('a table that can not be looked at is an error, and looked at again', async () => {
  const broken = openPool(url, { name: 'presence test', connectionsMax: 1 })
  await broken.end()
  const presence = openRemotePresence(broken)
  await assert.rejects(presence.has('picks'))
  await assert.rejects(presence.has('picks'))
})
