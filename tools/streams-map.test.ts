import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { notRun, ranLine, readMap, testsOf } from './streams-map.ts'

/* docs/streams-tests.md names a test for each scenario and invariant; `npm test` also checks that each of them ran. */
const root = fileURLToPath(new URL('../', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const rows = readMap(read('docs/streams-tests.md'))

/** B9 is of §5.5, which has no scenario. */
const counts = { A: 5, B: 9, L: 7, S: 67, W: 3, P: 1 }
/** Autoscaling is not built with the streams (design D38). */
const waiting = ['S56', 'S57']
/** Invariants S1 … S8 share their letter with the scenarios and are written I1 … I8. */
const invariantsOfSubscriptions = Array.from({ length: 8 }, (_, index) => `I${index + 1}`)

test('each scenario and each invariant has a test', () => {
  const numbered = Object.entries(counts).flatMap(([letter, count]) =>
    Array.from({ length: count }, (_, index) => `${letter}${index + 1}`),
  )
  const wanted = [...numbered, ...invariantsOfSubscriptions].filter((mark) => !waiting.includes(mark))
  const named = new Set(rows.map(({ mark }) => mark))
  assert.deepEqual(
    wanted.filter((mark) => !named.has(mark)),
    [],
  )
  assert.deepEqual(
    [...named].filter((mark) => !wanted.includes(mark)),
    [],
  )
})

test('each test that is named stands in its file, and each file is there', () => {
  for (const { file } of rows) assert.ok(existsSync(join(root, file)), file)
  const missing = testsOf(rows).filter(({ file, name }) => {
    const quoted = [`'${name}'`, `"${name}"`, `\`${name}\``]
    return !quoted.some((text) => read(file).includes(`test(${text}`))
  })
  assert.deepEqual(missing, [])
})

test('a test with a mark of a scenario is in the table under that mark', () => {
  for (const { file, name, mark } of testsOf(rows)) {
    const marks = [...name.matchAll(/\[(S\d+)\]/g)].map((match) => match[1])
    if (marks.length > 0 && mark.startsWith('S')) assert.ok(marks.includes(mark), `${file}: ${name} is not ${mark}`)
  }
})

test('a test that did not run is told', () => {
  const some = rows.slice(0, 2)
  const ran = some.map(({ file, name }) => ranLine(file, name)).join('\n')
  assert.deepEqual(notRun(some, ran), [])
  assert.deepEqual(notRun(some, ran.split('\n')[0] ?? ''), some.slice(1))
})
