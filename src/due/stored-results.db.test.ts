import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { openTestDatabase } from '#operate/test-database.ts'
import type { ClueResult, PickResult } from './results.ts'
import { createStoredResults } from './stored-results.ts'

const { pool } = await openTestDatabase({ connectionsMax: 8 })
const results = createStoredResults({ pool, parts: 64 })

const uuid = (): Uuid => toUuid(randomUUID())
function pick(changes: Partial<PickResult> = {}): PickResult {
  const ids = { subject: uuid(), calculation: uuid(), matrix: uuid() }
  return { ...ids, algorithm: 'Sparfa', exercises: [uuid(), uuid()], spyInfo: {}, ...changes }
}
function clue(changes: Partial<ClueResult> = {}): ClueResult {
  const ids = { subject: uuid(), bookContainer: uuid(), calculation: uuid(), ecosystem: uuid() }
  const estimate = { minimum: 0.1, mostLikely: 1 / 3, maximum: 0.9, isReal: true }
  return { ...ids, algorithm: 'Sparfa', clue: estimate, ...changes }
}

test('picks come back as they were put, by position, each kind apart', async () => {
  const spyInfo = { exercises: { a: 'nul \0 and lone \ud800 surrogate' }, depth: [[{}]] }
  const one = pick({ spyInfo, exercises: [] })
  const two = pick()
  await results.putPicks('pe', [one, two])
  const keys = [two, pick(), one, two]
  assert.deepEqual(await results.readPicks('pe', keys), [two, undefined, one, two])
  assert.deepEqual(await results.readPicks('spe', [one]), [undefined])
})

test('the last write of a key wins, also within one call, whatever the case of the algorithm', async () => {
  const first = pick()
  const second = { ...pick(), subject: first.subject, algorithm: 'SPARFA' }
  const third = { ...pick(), subject: first.subject, algorithm: 'sparfa' }
  await results.putPicks('worst_areas', [first, second])
  const [afterFirst] = await results.readPicks('worst_areas', [first])
  assert.equal(afterFirst?.calculation, second.calculation)
  await results.putPicks('worst_areas', [third])
  const [afterSecond] = await results.readPicks('worst_areas', [first])
  assert.deepEqual([afterSecond?.calculation, afterSecond?.algorithm], [third.calculation, 'SPARFA'])
})

test('clues come back exactly, with and without ecosystem', async () => {
  const one = clue()
  const two = clue({ ecosystem: undefined })
  await results.putClues('student', [one, two])
  assert.deepEqual(await results.readClues('student', [two, one, clue()]), [two, one, undefined])
  assert.deepEqual(await results.readClues('teacher', [one]), [undefined])
})

test('concurrent uploads of the same keys in opposite order do not deadlock', async () => {
  const rows = Array.from({ length: 200 }, () => pick())
  const calls = Array.from({ length: 6 }, (_, index) =>
    results.putPicks('pe', index % 2 === 0 ? rows : rows.toReversed()),
  )
  await Promise.all(calls)
  const stored = await results.readPicks('pe', rows)
  assert.equal(stored.filter((row) => row !== undefined).length, 200)
})

test('the first preparation of a uuid stays; newest is by number, not by arrival', async () => {
  const course = uuid()
  const old = { course, preparation: uuid(), number: 3, ecosystem: uuid() }
  const recent = { course, preparation: uuid(), number: 7, ecosystem: uuid() }
  await results.putPreparation(recent)
  await results.putPreparation(old)
  await results.putPreparation({ ...old, number: 99, ecosystem: uuid() })
  assert.deepEqual(await results.readPreparations([old, { course: uuid(), preparation: old.preparation }]), [
    old,
    undefined,
  ])
  await results.putEcosystemUpdates([{ course, preparation: old.preparation, number: 5 }])
  const [newest, none] = await results.readNewest([course, uuid()])
  assert.deepEqual(newest?.prepared, recent)
  assert.deepEqual(newest?.updated, { ...old, number: 5 })
  assert.deepEqual([none?.prepared, none?.updated], [undefined, undefined])
})

test('readiness markers may be set twice, and before their preparation', async () => {
  const preparation = uuid()
  await results.markReady([preparation, preparation])
  await results.markReady([preparation])
  assert.deepEqual(await results.readReady([preparation, uuid()]), new Set([preparation]))
})

test('nothing asked, nothing sent', async () => {
  await results.putPicks('pe', [])
  await results.putClues('student', [])
  await results.putEcosystemUpdates([])
  await results.markReady([])
  assert.deepEqual(await results.readPicks('pe', []), [])
  assert.deepEqual(await results.readNewest([]), [])
})
