import assert from 'node:assert/strict'
import { test } from 'node:test'
import { graphFindings } from './source-graph.ts'

const findings = (files: { readonly [path: string]: string }): string[] =>
  graphFindings(Object.entries(files).map(([path, text]) => ({ path, text }))).map(
    ({ path, line, message }) => `${path}:${line} ${message}`,
  )

test('imports that lead back are found, those of types are not', () => {
  const circle = {
    'src/log/a.ts': `import { b } from './b.ts'\nb()`,
    'src/log/b.ts': `import { c } from '#log/c.ts'\nexport const b = c`,
    'src/log/c.ts': `import './a.ts'\nexport const c = 1`,
  }
  assert.deepEqual(findings(circle), ['src/log/a.ts:1 imports itself: src/log/b.ts → src/log/c.ts → src/log/a.ts'])
  const types = { ...circle, 'src/log/c.ts': `import type { A } from './a.ts'\nexport const c: A = 1` }
  assert.deepEqual(findings(types), [])
})

test('an export needs a user in another file or a test; types may be for those who use the values', () => {
  const files = {
    'src/log/a.ts':
      'export const used = (a: Inside) => a\nexport type Inside = 1\nexport const inside = 2\nexport const dead = inside\n',
    'src/log/a.test.ts': `import { used } from './a.ts'\nused`,
  }
  assert.deepEqual(findings(files), ['src/log/a.ts:3 nobody uses “inside”', 'src/log/a.ts:4 nobody uses “dead”'])
})

test('a namespace, a passed on name and a dynamic import use what they name', () => {
  const files = {
    'src/log/a.ts': 'export const a = 1',
    'src/log/b.ts': 'export const b = 1',
    'src/log/c.ts': 'export const c = 1',
    'src/api/x.ts': `import * as all from '#log/a.ts'\nexport { b } from '#log/b.ts'\nimport('#log/c.ts')\nall`,
    'src/client/public.ts': 'export const forOthers = 1',
    'tools/x.ts': 'export const notOurs = 1',
  }
  assert.deepEqual(findings(files), [])
})
