import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { rules } from './client-broken.ts'

/** The contract suite is worth something only if it fails where a rule is broken, in the fake and in the server. */
async function exitCode(server: string, rule: string): Promise<number> {
  const file = fileURLToPath(new URL('./client-broken.ts', import.meta.url))
  // Run by itself: inside a test run the runner would count its failures as ours.
  const { NODE_TEST_CONTEXT: _ours, ...environment } = process.env
  const child = spawn(process.execPath, ['--test', '--test-timeout=60000', file], {
    env: { ...environment, BROKEN_SERVER: server, BROKEN_RULE: rule },
    stdio: 'ignore',
  })
  const [code] = await once(child, 'exit')
  return Number(code)
}

for (const server of ['fake', 'server']) {
  for (const rule of Object.keys(rules)) {
    const expected = rule === 'none' ? 'passes' : 'fails'
    test(`on the ${server}, with ${rule === 'none' ? 'no rule broken' : `"${rule}"`}, the suite ${expected}`, async () => {
      const code = await exitCode(server, rule)
      if (rule === 'none') assert.equal(code, 0)
      else assert.notEqual(code, 0)
    })
  }
}

test('the uuid of a repeated creation is spoiled whatever its first digit', () => {
  const spoil = rules['a repeated creation is another course']!
  for (const digit of '0123456789abcdef') {
    const body = `{"created_course_uuid":"${digit}c5b1f3e-0000-4000-8000-000000000000"}`
    assert.match(spoil('/create_course', body), /^\{"created_course_uuid":"[0-9a-f]c5b1f3e-/)
    assert.notEqual(spoil('/create_course', body), body)
  }
})
