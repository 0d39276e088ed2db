import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migrationFindings, tidy } from './tidy-rules.ts'

/** Messages for one file, without their places. */
const messages = (path: string, text: string): string[] => tidy({ path, text }).map((finding) => finding.message)

test('imports point downwards, across modules by name, inside one by path', () => {
  const good = `import { x } from './x.ts'\nimport type { Uuid } from '#domain/ids.ts'\nimport pg from 'pg'\n`
  assert.deepEqual(messages('src/log/append.ts', good), [])
  assert.deepEqual(messages('src/log/append.ts', `import { x } from '#learning/x.ts'`), [
    'log must not import learning',
  ])
  assert.deepEqual(messages('src/learning/x.ts', `export { y } from '#due/y.ts'\nconst a = 1`), [
    'learning must not import due',
  ])
  assert.deepEqual(messages('src/domain/x.ts', `const y = import('#platform/clock.ts')`), [
    'domain must not import platform',
  ])
  assert.deepEqual(messages('src/api/x.ts', `import { x } from '../log/x.ts'`), [
    '“../log/x.ts” leaves the module: use #module/file.ts',
  ])
  assert.deepEqual(messages('src/log/x.ts', `import { x } from '#log/y.ts'`), [
    '“#log/y.ts” is in this module: import it as ./file.ts',
  ])
  assert.deepEqual(messages('src/elsewhere/x.ts', 'const a = 1'), [
    'src/elsewhere/ is not a module of tools/module-map.ts',
  ])
})

test('every level may import the ones below it, never one beside or above', () => {
  const order = ['domain', 'choose', 'log', 'crew', 'learning', 'answers', 'api', 'cli']
  for (const [level, importer] of order.entries()) {
    for (const [other, imported] of order.entries()) {
      if (level === other) continue
      const found = messages(`src/${importer}/x.ts`, `import { y } from '#${imported}/y.ts'`)
      assert.deepEqual(found, other < level ? [] : [`${importer} must not import ${imported}`])
    }
  }
})

test('a test may import anything, but not by a path into another module', () => {
  assert.deepEqual(messages('src/domain/x.test.ts', `import { y } from '#api/y.ts'\nimport pg from 'pg'`), [])
  assert.deepEqual(messages('src/domain/x.test.ts', `import { y } from '../api/y.ts'`), [
    '“../api/y.ts” leaves the module: use #module/file.ts',
  ])
})

test('the console takes only types from the server', () => {
  assert.deepEqual(messages('src/console/x.tsx', `import type { A } from '#api/console/console-data.ts'`), [])
  assert.deepEqual(messages('src/console/x.tsx', `import { type A, b } from '#api/console/console-data.ts'`), [
    'console may import only types of api',
  ])
})

test('a pure module neither waits, nor looks at a clock, nor throws dice, nor reads files', () => {
  const impure: { readonly [text: string]: string } = {
    'export async function f() {}': 'async',
    'export const f = async () => 1': 'async',
    'const a = Date.now()': 'Date.now',
    'const a = new Date()': 'the clock',
    'const a = Math.random()': 'Math.random',
    'const a = process.env': 'process',
    'setTimeout(f, 1)': 'setTimeout',
    "import { readFileSync } from 'node:fs'": 'node:fs',
    "import { randomUUID } from 'node:crypto'": 'randomUUID',
    "import pg from 'pg'": 'pg',
  }
  for (const [text, what] of Object.entries(impure)) {
    for (const module of ['domain', 'choose', 'estimate']) {
      assert.deepEqual(messages(`src/${module}/x.ts`, text), [`${module} is pure and must not use ${what}`], text)
    }
    if (!text.includes('pg')) assert.deepEqual(messages('src/api/x.ts', text), [], text)
  }
  const pure = `import { createHash } from 'node:crypto'\nconst a = new Date(0)\nconst process = 1\nconst s = 'Date.now()'\n`
  assert.deepEqual(messages('src/domain/x.ts', pure), [])
})

test('SQL stands in its modules only', () => {
  const text = 'const q = `\n  select position\n  from lane`\n'
  assert.deepEqual(messages('src/log/x.ts', text), [])
  assert.deepEqual(messages('src/api/x.ts', text), ['api must not hold SQL'])
  assert.deepEqual(messages('src/answers/x.ts', `const q = 'insert into lane values (1)'`), [
    'answers must not hold SQL',
  ])
  assert.deepEqual(messages('src/api/x.ts', `const m = 'select one of these'`), [])
  assert.deepEqual(messages('src/api/x.ts', `import pg from 'pg'`), ['api must not talk to PostgreSQL'])
  assert.deepEqual(messages('src/cli/x.ts', `import type pg from 'pg'`), [])
})

test('long files and long functions are found; a test may be a long story', () => {
  const body = 'f()\n'.repeat(68)
  assert.deepEqual(messages('src/api/x.ts', `function f() {\n${body}}`), [])
  assert.deepEqual(messages('src/api/x.ts', `function f() {\n${body}f()\n}`), ['is a function of 71 lines; 70 at most'])
  assert.deepEqual(messages('src/api/x.test.ts', `function f() {\n${body}f()\n}`), [])
  assert.deepEqual(messages('src/api/x.ts', 'f()\n'.repeat(500)), [])
  assert.deepEqual(messages('src/api/x.ts', 'f()\n'.repeat(501)), ['has 501 lines; 500 at most'])
})

test('a line has 120 characters at most, unless it holds a long text in quotes', () => {
  const long = 'x'.repeat(118)
  assert.deepEqual(messages('src/api/x.ts', `// ${'x'.repeat(117)}`), [])
  const findings = tidy({ path: 'src/api/x.ts', text: `const a = 1\n// ${long}\n` })
  assert.deepEqual(findings, [{ path: 'src/api/x.ts', line: 2, message: 'has 121 characters; 120 at most' }])
  assert.deepEqual(messages('src/api/x.ts', `const a = '${long}'`), [])
  assert.deepEqual(messages('src/api/x.ts', `const a = \`${long}\${1}\``), [])
})

test('names that say nothing, barrels and open ends are found with their line', () => {
  assert.deepEqual(messages('src/api/utils.ts', 'const a = 1'), ['“utils” says nothing about what the file holds'])
  const barrel = `export * from './a.ts'\nexport { b } from './b.ts'\n`
  assert.deepEqual(messages('src/api/all.ts', barrel), ['only passes on other files: import them where they are'])
  assert.deepEqual(messages('src/api/some.ts', `${barrel}export const c = 1\n`), [])
  const findings = tidy({ path: 'src/api/x.ts', text: 'const a = 1\n\n// TODO later\n' })
  assert.deepEqual(findings, [{ path: 'src/api/x.ts', line: 3, message: 'leaves an open end in a comment' }])
})

test('a file that cannot be parsed is a finding, not a crash', () => {
  assert.match(messages('src/api/x.ts', 'const = 1')[0] ?? '', /^cannot be parsed: /)
})

test('two migrations once had the same number: each has its own, and none is left out', () => {
  const found = (...paths: string[]): string[] =>
    migrationFindings(paths).map(({ path, message }) => `${path} ${message}`)
  assert.deepEqual(found('sql/000001_log.sql', 'sql/000002_crew.sql'), [])
  assert.deepEqual(found('sql/000001_log.sql', 'sql/000001_crew.sql'), ['sql/000001_crew.sql must be number 000002'])
  assert.deepEqual(found('sql/000001_log.sql', 'sql/000003_due.sql'), ['sql/000003_due.sql must be number 000002'])
})
