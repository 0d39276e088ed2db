import assert from 'node:assert/strict'
import { test } from 'node:test'
import Type from 'typebox'
import { batch, datetime, optional, softArray, uuid } from './schemas/values.ts'
import { compileValidation, jsonPath } from './validation.ts'

const line = Type.Object({ id: uuid, at: optional(datetime), names: softArray(Type.String(), 1, 2) })
const schema = Type.Object({ lines: batch(line, 3) })
const id = 'ABCDEF00-0000-7000-8000-000000000001'

test('errors name the JSON path and what was expected', () => {
  const { explain } = compileValidation(schema, false)
  assert.deepEqual(explain({ lines: [{ id, at: null, names: [] }] }), [])
  assert.deepEqual(explain({ lines: [{ id: 'x', at: 'never', names: [3] }] }), [
    '$.lines[0].id must be a uuid',
    '$.lines[0].at must be an RFC 3339 date and time',
    '$.lines[0].names[0] must be string',
  ])
  assert.deepEqual(explain({}), ['$ must have required properties lines'])
})

test('soft limits are told apart from what is refused, strict refuses both', () => {
  const lenient = compileValidation(schema, false)
  const strict = compileValidation(schema, true)
  const many = { lines: [{ id: id.replace('-7', '-4'), names: ['a', 'b', 'c'] }] }
  assert.deepEqual([lenient.passes(many), lenient.exceedsSoftLimit(many), strict.passes(many)], [true, true, false])
  const few = { lines: [{ id: id.replace('-7', '-4'), names: ['a'] }] }
  assert.deepEqual([lenient.passes(few), lenient.exceedsSoftLimit(few), strict.passes(few)], [true, false, true])
  assert.deepEqual(
    [lenient.passes({ lines: [{ id, names: ['a'] }] }), strict.passes({ lines: [{ id, names: ['a'] }] })],
    [true, false],
  )
})

test('a hostile body does not grow the list of errors', () => {
  const { explain } = compileValidation(schema, false)
  const lines = Array.from({ length: 10_000 }, () => ({ id: 1 }))
  assert.ok(explain({ lines }).length <= 8)
})

test('JSON pointers become JSON paths', () => {
  assert.equal(jsonPath(''), '$')
  assert.equal(jsonPath('/responses/0/course_uuid'), '$.responses[0].course_uuid')
  assert.equal(jsonPath('/a~1b/c~0d'), '$.a/b.c~d')
})
