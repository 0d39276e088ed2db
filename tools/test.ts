import { spawn } from 'node:child_process'
import { glob, mkdir, readFile, rm } from 'node:fs/promises'
import { constants } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { onSignal } from '#platform/shutdown.ts'
import { makeTemplate, startTestCluster } from '#platform/test-database.ts'
import { notRun, readMap } from './streams-map.ts'

/*
 * `npm test`: types, lint, the architecture check, then every test on one throw-away database cluster.
 * `npm test -- PATTERN…` runs the named test files only. Suites that could not run say so in the last lines.
 */
const { positionals } = parseArgs({ allowPositionals: true, strict: false })
const patterns = positionals.length > 0 ? positionals : ['src/**/*.test.ts', 'tests/**/*.test.ts', 'tools/**/*.test.ts']
const noticesFile = join('artefacts', `notices-${process.pid}.txt`)
const ranFile = join('artefacts', `ran-${process.pid}.txt`)
const reporters = [
  '--test-reporter=spec',
  '--test-reporter-destination=stdout',
  '--test-reporter=./tools/ran-reporter.ts',
  `--test-reporter-destination=${ranFile}`,
]

/** Ctrl-C: what runs is ended, and the cluster goes with its folder; a second one ends at once. */
const interrupting = new AbortController()
onSignal(
  (signal) => {
    process.exitCode = 128 + constants.signals[signal]
    interrupting.abort()
  },
  () => process.exit(),
)

function run(program: string, words: readonly string[], environment: NodeJS.ProcessEnv = process.env): Promise<number> {
  const child = spawn(program, words, { stdio: 'inherit', env: environment, signal: interrupting.signal })
  return new Promise((done, failed) => {
    // An interrupted one is still there when its error is told.
    child.on('error', (error) => void (child.pid === undefined && failed(error)))
    child.on('exit', (code) => done(code ?? 1))
  })
}

async function checks(): Promise<number> {
  const tools: [string, string[]][] = [
    ['node_modules/.bin/tsc', ['--noEmit']],
    ['node_modules/.bin/tsc', ['--noEmit', '-p', 'src/console']],
    ['node_modules/.bin/biome', ['check', '--diagnostic-level=warn', '--error-on-warnings', '.']],
    [process.execPath, ['tools/tidy.ts']],
  ]
  for (const [program, words] of tools) {
    const code = await run(program, words)
    if (code !== 0) return code
  }
  return 0
}

async function tests(files: readonly string[]): Promise<number> {
  const cluster = await startTestCluster({}, interrupting.signal)
  try {
    const migrations = await readMigrations()
    await makeTemplate(cluster.url, (url) => migrate(url, migrations))
    const environment = {
      ...process.env,
      BIGLEARN_TEST_DATABASE: cluster.url,
      BIGLEARN_TEST_NOTICES: noticesFile,
    }
    return await run(
      process.execPath,
      ['--test', '--test-timeout=300000', '--test-concurrency=2', ...reporters, ...files],
      environment,
    )
  } finally {
    await cluster.stop()
  }
}

async function checksAndTests(): Promise<number> {
  return (positionals.length > 0 ? 0 : await checks()) || (await tests(files.sort()))
}

/** Tells of scenarios and invariants of the streams whose test did not run, for instance for want of a small volume. */
async function checkStreamsMap(): Promise<void> {
  const missing = notRun(readMap(await readFile('docs/streams-tests.md', 'utf8')), await readFile(ranFile, 'utf8'))
  for (const { mark, file, name } of missing) process.stdout.write(`DID NOT RUN: ${mark}, ${file}: ${name}\n`)
  if (process.env['CI'] === 'true' && missing.length > 0) process.exitCode = 1
}

async function printNotices(): Promise<void> {
  const text = await readFile(noticesFile, 'utf8').catch(() => '')
  await rm(noticesFile, { force: true })
  const notices = [...new Set(text.split('\n').filter((line) => line !== ''))]
  for (const notice of notices) process.stdout.write(`NOT RUN: ${notice}\n`)
  if (process.env['CI'] === 'true' && notices.some((notice) => notice.includes('Chromium'))) process.exitCode = 1
}

await mkdir('artefacts', { recursive: true })
const files = await Array.fromAsync(glob(patterns))
if (files.length === 0) {
  process.stderr.write(`no test file matches ${patterns.join(' ')}\n`)
  process.exit(1)
}
const code = await checksAndTests().catch((error: unknown) => {
  if (!interrupting.signal.aborted) throw error
  return 1
})
process.exitCode ??= code
if (code === 0 && positionals.length === 0) await checkStreamsMap()
await rm(ranFile, { force: true })
await printNotices()
