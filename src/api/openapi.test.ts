import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { allEndpoints } from './endpoints.ts'
import { openApiDocument } from './openapi.ts'
import { compileValidation } from './validation.ts'

const document = openApiDocument(allEndpoints)

test('docs/openapi.json is what the server serves (else: node tools/write-openapi.ts, npm run format)', async () => {
  const text = await readFile(new URL('../../docs/openapi.json', import.meta.url), 'utf8')
  assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(document)))
})

for (const { name, request, response, examples } of allEndpoints) {
  test(`${name}: its examples match its schemas, also in strict mode`, () => {
    const validation = compileValidation(request, true)
    assert.deepEqual(validation.explain(examples.request), [])
    assert.equal(validation.passes(examples.request), true)
    assert.deepEqual(compileValidation(response, true).explain(examples.response), [])
  })
}

test('all references lead somewhere', () => {
  const text = JSON.stringify(document)
  const references = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path]) => path ?? '')
  assert.ok(references.length > 100)
  for (const path of new Set(references)) {
    const target = path.split('/').reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], document)
    assert.equal(typeof target, 'object', path)
  }
})

test('only endpoints that append numbered events can answer 422', () => {
  const withConflict = Object.entries(document.paths).flatMap(([path, item]) =>
    JSON.stringify(item).includes('responses/conflict') ? [path.slice(1)] : [],
  )
  assert.deepEqual(withConflict.toSorted(), [
    'create_course',
    'create_ecosystem',
    'create_update_assignments',
    'prepare_course_ecosystem',
    'record_responses',
    'update_course_active_dates',
    'update_course_ecosystems',
    'update_course_excluded_exercises',
    'update_globally_excluded_exercises',
    'update_rosters',
  ])
})
