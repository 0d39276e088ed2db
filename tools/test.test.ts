import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { processesOf } from '../tests/support/processes.ts'

/** `npm test` on a test file of our own, interrupted: its cluster, a folder in the temporary one, must go. */
let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'biglearn-runner-'))
  await mkdir(join(folder, 'temporary'))
})
afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))

const clusters = (): Promise<string[]> => readdir(join(folder, 'temporary'))

const moments = {
  'while a test runs': async () => existsSync(join(folder, 'runs')),
  'while its cluster is made': async () => (await clusters()).length > 0,
}

describe('an interrupted test run left its cluster running', () => {
  for (const [moment, isThere] of Object.entries(moments)) {
    for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
      test(`${signal} ${moment}`, async () => {
        const file = join(folder, 'slow.test.ts')
        const text = `import { writeFileSync } from 'node:fs'
          import { test } from 'node:test'
          test('slow', () => new Promise((done) => {
            writeFileSync('${join(folder, 'runs')}', process.env.BIGLEARN_TEST_DATABASE)
            setTimeout(done, 120_000)
          }))`
        await writeFile(file, text)
        // Inside of a test run, another one would be refused.
        const { NODE_TEST_CONTEXT: _context, ...inherited } = process.env
        const child = spawn(process.execPath, ['tools/test.ts', file], {
          env: { ...inherited, TMPDIR: join(folder, 'temporary') },
          stdio: ['ignore', 'pipe', 'pipe'],
          detached: true,
        })
        let output = ''
        for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
        const exited = new Promise((done) => child.on('exit', done))
        while (!(await isThere()) && child.exitCode === null) await sleep(5)
        // A terminal sends Ctrl-C to all, a supervisor SIGTERM to one.
        process.kill(signal === 'SIGINT' ? -(child.pid ?? 0) : (child.pid ?? 0), signal)
        assert.equal(await exited, code, output)
        assert.deepEqual(await clusters(), [])
        assert.deepEqual(await processesOf(folder), [])
      })
    }
  }
})
