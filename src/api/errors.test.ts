import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { allEndpoints } from './endpoints.ts'
import { type ErrorEntry, errorList } from './errors.ts'
import { openApiDocument } from './openapi.ts'

const entries = Object.entries(errorList) as [string, ErrorEntry][]

test('docs/errors.md lists exactly the errors of the server', async () => {
  const text = await readFile(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  const table = text.split('## Bodies')[0] ?? ''
  const rows = [...table.matchAll(/^\| `(\w+)` +\| (\d+) +\| (.+?) +\| (.+?) +\|$/gm)].map(([, ...cells]) => cells)
  const wanted = entries.map(([code, { status, message, advice }]) => [code, String(status), message, advice])
  assert.deepEqual(rows, wanted)
})

test('the OpenAPI document names exactly the errors of the server, and only under their status', () => {
  const { components } = openApiDocument(allEndpoints)
  const { responses } = components as {
    responses: Record<string, { headers: Record<string, { schema: { enum: string[] } }> }>
  }
  const codes = Object.values(responses).flatMap(({ headers }) => headers['Biglearn-Error-Code']?.schema.enum ?? [])
  assert.deepEqual(codes.toSorted(), entries.map(([code]) => code).toSorted())
})
