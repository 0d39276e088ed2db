import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isHeldOutRow, seededUniform } from './hash.ts'
import { holdOut } from './hold-out.ts'
import { sortResponses } from './responses.ts'

/** Enough for several blocks; learner 3 has no answer, learner 7 answered everything. */
const counts = { learnerCount: 500, questionCount: 200 }
const rows = Array.from({ length: counts.learnerCount * counts.questionCount }, (_, pair) => ({
  learner: Math.floor(pair / counts.questionCount),
  question: pair % counts.questionCount,
  isCorrect: pair % 7 < 4 ? 1 : 0,
})).filter(({ learner, question }) => learner !== 3 && (learner === 7 || (learner * 31 + question * 17) % 5 < 2))

function columnsOf(given: typeof rows) {
  return {
    learner: Int32Array.from(given, ({ learner }) => learner),
    question: Int32Array.from(given, ({ question }) => question),
    isCorrect: Uint8Array.from(given, ({ isCorrect }) => isCorrect),
  }
}

function shuffled(given: typeof rows, seed: number): typeof rows {
  const uniform = seededUniform(seed)
  return given
    .map((row) => ({ row, key: uniform() }))
    .sort((one, other) => one.key - other.key)
    .map(({ row }) => row)
}

/** Without the list of differences: there may be thousands. */
function assertSame(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  assert.equal(actual.length, expected.length)
  const at = Array.from(actual).findIndex((value, index) => value !== expected[index])
  assert.equal(at, -1, `entry ${at} is ${actual[at]}, not ${expected[at]}`)
}

test('rows in any order are sorted by learner, then by question', () => {
  assert.ok(rows.length > 4 * 8192)
  const wanted = columnsOf(rows)
  for (const seed of [1, 2]) {
    const { start, question, isCorrect } = sortResponses(columnsOf(shuffled(rows, seed)), counts)
    assertSame(question, wanted.question)
    assertSame(isCorrect, wanted.isCorrect)
    for (let learner = 0; learner < counts.learnerCount; learner++) {
      const own = wanted.learner.filter((one) => one === learner)
      assert.equal(start[learner + 1]! - start[learner]!, own.length)
    }
  }
})

test('a second response is refused, in whichever block it is, and so is what lies out of range', () => {
  for (const at of [0, Math.floor(rows.length / 2), rows.length - 1]) {
    const { learner, question } = rows[at]!
    const twice = shuffled([...rows, { learner, question, isCorrect: 0 }], 3)
    const expected = new RangeError(`learner ${learner} has two responses to question ${question}`)
    assert.throws(() => sortResponses(columnsOf(twice), counts), expected)
  }
  for (const wrong of [{ learner: 500 }, { learner: -1 }, { question: 200 }, { question: -1 }]) {
    const given = columnsOf([...rows, { learner: 1, question: 1, isCorrect: 1, ...wrong }])
    assert.throws(() => sortResponses(given, counts), /^RangeError: (learner|question) -?\d+ is outside 0…(499|199)$/)
  }
  const short = { ...columnsOf(rows), isCorrect: new Uint8Array(2) }
  assert.throws(() => sortResponses(short, counts), /equally long/)
})

test('what the hash says is held out, everything else is trained on, and both stay sorted', () => {
  const { training, heldOut } = holdOut(sortResponses(columnsOf(rows), counts), 5)
  for (const [part, isHeldOut] of [
    [training, false],
    [heldOut, true],
  ] as const) {
    const wanted = columnsOf(rows.filter(({ learner, question }) => isHeldOutRow(learner, question, 5) === isHeldOut))
    assertSame(part.question, wanted.question)
    assertSame(part.isCorrect, wanted.isCorrect)
    const starts = Array.from(part.start.subarray(1), (end, learner) => end - part.start[learner]!)
    const counted = Array.from({ length: counts.learnerCount }, () => 0)
    for (const learner of wanted.learner) counted[learner]! += 1
    assertSame(starts, counted)
  }
})
