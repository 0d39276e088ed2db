import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { toUuid } from '#domain/ids.ts'
import { answerBytes, packAnswer, unpackAnswers } from './pack-answer.ts'
import { packAssignment, unpackAssignment } from './pack-assignment.ts'
import { packEcosystem, unpackEcosystem } from './pack-ecosystem.ts'
import { parseInstant } from './parse-value.ts'
import { uuidOf } from './test-course.ts'

const uuid = fc.uuid().map(toUuid)
/** Years 0001 to 9999: what RFC 3339 can write. */
const instant = fc.integer({ min: -62_135_596_800_000, max: Date.UTC(9999, 11, 31, 23, 59, 59, 999) })
const count = fc.integer({ min: 0, max: 0x7fffffff })
/** As the code makes objects, not with the null prototype that fast-check also tries. */
const plain = { noNullPrototype: true }
const optional = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(value, { nil: undefined })

const answer = fc.record(
  {
    number: count,
    response: uuid,
    trial: uuid,
    exercise: uuid,
    ecosystem: uuid,
    isCorrect: fc.boolean(),
    isReal: fc.boolean(),
    respondedAt: instant,
    recordedAt: instant,
  },
  plain,
)

test('answers come out as they went in, in order', () => {
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 20 }), (answers) => {
      const bytes = Buffer.alloc(answers.length * answerBytes)
      for (const [index, one] of answers.entries()) packAnswer(bytes, index * answerBytes, one)
      assert.deepEqual(unpackAnswers(bytes), answers)
    }),
  )
})

test('a row that was cut short is refused', () => {
  assert.throws(() => unpackAnswers(Buffer.alloc(answerBytes + 1)), RangeError)
})

const assignment = fc.record(
  {
    uuid,
    student: uuid,
    ecosystem: uuid,
    type: fc.string({ unit: 'binary' }),
    isDeleted: fc.boolean(),
    opensAt: optional(instant),
    dueAt: optional(instant),
    feedbackAt: optional(instant),
    containers: fc.array(uuid),
    goalSpes: optional(count),
    goalPes: optional(count),
    spesAreAssigned: fc.boolean(),
    pesAreAssigned: fc.boolean(),
    exercises: fc.array(fc.record({ trial: uuid, exercise: uuid, isSpe: fc.boolean(), isPe: fc.boolean() }, plain)),
    createdAt: instant,
    firstNumber: count,
    lastNumber: count,
  },
  plain,
)

test('assignments come out as they went in', () => {
  fc.assert(
    fc.property(assignment, (given) => {
      const { uuid: own, student, firstNumber, lastNumber } = given
      assert.deepEqual(unpackAssignment({ uuid: own, student, firstNumber, lastNumber }, packAssignment(given)), given)
    }),
  )
})

test('an unknown layout is refused instead of being read wrongly', () => {
  const keys = { uuid: uuidOf(1, 1), firstNumber: 0, lastNumber: 0 }
  assert.throws(() => unpackAssignment({ ...keys, student: keys.uuid }, Buffer.from([9])), /unknown layout 9/)
  assert.throws(() => unpackEcosystem(keys.uuid, Buffer.from([9])), /unknown layout 9/)
})

const ecosystem = fc.array(uuid, { minLength: 1, maxLength: 12 }).chain((uuids) =>
  fc.record(
    {
      uuid,
      exercises: fc.uniqueArray(fc.record({ uuid: fc.constantFrom(...uuids), group: uuid, version: count }, plain), {
        selector: (exercise) => exercise.uuid,
      }),
      containers: fc.array(
        fc.record(
          {
            uuid,
            parent: optional(uuid),
            pools: fc.array(
              fc.record(
                {
                  useForClue: fc.boolean(),
                  assignmentTypes: fc.array(fc.string({ unit: 'binary' })),
                  // Also exercises that the edition does not list.
                  exercises: fc.array(fc.oneof(fc.constantFrom(...uuids), uuid)),
                },
                plain,
              ),
              { maxLength: 4 },
            ),
          },
          plain,
        ),
      ),
    },
    plain,
  ),
)

test('ecosystems come out as they went in', () => {
  fc.assert(
    fc.property(ecosystem, (given) => {
      assert.deepEqual(unpackEcosystem(given.uuid, packEcosystem(given)), given)
    }),
  )
})

test('instants: every ISO time of JavaScript is read back to the millisecond', () => {
  fc.assert(
    fc.property(instant, (ms) => {
      const text = new Date(ms).toISOString()
      fc.pre(/^\d{4}-/.test(text))
      assert.equal(parseInstant(text), ms)
    }),
  )
})

test('an answer that is kept in memory takes some 300 bytes, not those of the text it was cut from', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const row = randomBytes(300 * answerBytes)
  collect()
  const before = process.memoryUsage().heapUsed
  const kept = Array.from({ length: 100 }, () => unpackAnswers(row))
  collect()
  const bytes = (process.memoryUsage().heapUsed - before) / (100 * 300)
  assert.equal(kept.length, 100)
  assert.ok(bytes < 600, `${Math.round(bytes)} bytes an answer`)
})
