import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersonalisedChoice } from '#choose/personalised.ts'
import { id } from '#choose/test-book.ts'
import type { Assignment } from '#domain/student.ts'
import type { Edition } from './editions.ts'
import { personalisedChoice } from './kept-pes.ts'
import type { StudentRecord } from './student-records.ts'

const recordWith = (...assignments: Partial<Assignment>[]) => ({ assignments }) as unknown as StudentRecord
const advice = { algorithm: 'biglearn_sparfa', matrix: id('M1'), isSubmitted: false }

test('personalised exercises are chosen again whenever something that they rest on is another', () => {
  const record = recordWith({ isDeleted: false, dueAt: 50, feedbackAt: 90 }, { isDeleted: false, dueAt: 70 })
  const edition = {} as Edition
  const asked = { record, edition, assignment: id('A1'), advice, now: 10 }
  let chosen = 0
  const isChosenFor = (change: Partial<typeof asked>): boolean => {
    const before = chosen
    personalisedChoice({ ...asked, ...change }, () => {
      chosen += 1
      return { exercises: [] } as unknown as PersonalisedChoice
    })
    return chosen > before
  }
  assert.equal(isChosenFor({}), true)
  assert.equal(isChosenFor({ now: 69 }), false)
  for (const change of [
    { record: recordWith() },
    { assignment: id('A2') },
    { advice: { ...advice, algorithm: 'local_query' } },
    { advice: { ...advice, isSubmitted: true } },
  ]) {
    assert.equal(isChosenFor(change), true, JSON.stringify(change))
    assert.equal(isChosenFor({}), false, 'the others stay')
  }
  for (const change of [{ now: 70 }, { advice: { ...advice, matrix: id('M2') } }, { edition: {} as Edition }]) {
    assert.equal(isChosenFor({}) || isChosenFor(change), true, JSON.stringify(change))
    assert.equal(isChosenFor({}), true, 'and this is another one again')
  }
})
