import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isUuid, toUuid } from './ids.ts'

const pattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
const anyCase = fc.uuid().chain((text) => fc.mixedCase(fc.constant(text)))

test('a uuid is what its pattern says, whatever one character is replaced by, and wherever', () => {
  const character = fc.oneof(fc.constantFrom('-', 'a', 'F', '0', 'g', '\u0130', '\ud83d'), fc.string({ maxLength: 2 }))
  fc.assert(
    fc.property(anyCase, fc.nat({ max: 36 }), character, (text, at, other) => {
      const changed = text.slice(0, at) + other + text.slice(at + 1)
      assert.equal(isUuid(changed), pattern.test(changed))
    }),
    { numRuns: 2000 },
  )
})

test('a uuid is compared in lower case', () => {
  fc.assert(fc.property(anyCase, (text) => assert.equal(toUuid(text), text.toLowerCase())))
  assert.throws(() => toUuid('no uuid'), /not a uuid: no uuid/)
  for (const given of [undefined, null, 36, '']) assert.equal(isUuid(given), false)
})
