import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { promisify } from 'node:util'
import { eventually } from '#platform/test-eventually.ts'

/*
 * `tools/install.mjs` in a small project of its own, whose packages are folders beside it: nothing is downloaded.
 */
let project = ''
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'biglearn-install-'))
  await mkdir(join(project, 'tools'))
  await cp('tools/install.mjs', join(project, 'tools', 'install.mjs'))
  await writeFile(join(project, 'package-lock.json'), '{}')
})
afterEach(() => rm(project, { recursive: true, force: true }))

const stamp = () => join(project, 'node_modules', '.biglearn-installed')
const gate = () => join(project, '.installing')

interface Installing {
  readonly child: ChildProcess
  readonly output: () => string
  readonly exited: Promise<number | string>
}

function install(environment: NodeJS.ProcessEnv): Installing {
  const { NODE_ENV: _node, npm_execpath: _npm, ...inherited } = process.env
  const child = spawn(process.execPath, ['tools/install.mjs'], {
    cwd: project,
    env: { ...inherited, ...environment },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  let output = ''
  child.stderr.on('data', (chunk) => (output += chunk))
  const exited = new Promise<number | string>((done) => child.on('exit', (code, signal) => done(code ?? signal ?? '')))
  return { child, output: () => output, exited }
}

/** A program in the place of npm. */
async function npmThat(body: string): Promise<NodeJS.ProcessEnv> {
  const file = join(project, 'npm.mjs')
  await writeFile(file, `import { mkdirSync, writeFileSync } from 'node:fs'\n${body}\n`)
  return { npm_execpath: file }
}

test('an environment that omits packages left out what the start needs, and the stamp hid it', async () => {
  for (const name of ['needed', 'built-with', 'per-platform']) {
    await mkdir(join(project, name))
    await writeFile(join(project, name, 'package.json'), JSON.stringify({ name, version: '1.0.0' }))
  }
  const kinds = {
    dependencies: { needed: 'file:needed' },
    devDependencies: { 'built-with': 'file:built-with' },
    optionalDependencies: { 'per-platform': 'file:per-platform' },
  }
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'small', version: '1.0.0', ...kinds }))
  await rm(join(project, 'package-lock.json'))
  await promisify(execFile)('npm', ['install', '--package-lock-only', '--offline', '--no-audit'], { cwd: project })

  for (const environment of [{ NODE_ENV: 'production' }, { npm_config_omit: 'dev' }, { npm_config_omit: 'optional' }]) {
    const installing = install(environment)
    assert.equal(await installing.exited, 0, installing.output())
    const installed = (await readdir(join(project, 'node_modules'))).filter((name) => !name.startsWith('.'))
    assert.deepEqual(installed.sort(), ['built-with', 'needed', 'per-platform'], JSON.stringify(environment))
    await rm(stamp())
  }
})

test('an install that failed left the gate shut, and the next one waited for it', async () => {
  const failed = install(await npmThat('process.exit(1)'))
  assert.equal(await failed.exited, 1)
  assert.match(failed.output(), /could not be installed\. Check the npm registry/)
  assert.ok(!existsSync(gate()), 'the gate is shut')
  assert.ok(!existsSync(stamp()))

  const next = install(await npmThat(`mkdirSync('node_modules', { recursive: true })`))
  assert.equal(await next.exited, 0, next.output())
  assert.doesNotMatch(next.output(), /Another/)
})

test('Ctrl-C during an install was told as a trouble of the network', async () => {
  const npm = await npmThat(`writeFileSync('runs', ''); setInterval(() => undefined, 1000)`)
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    const installing = install(npm)
    await eventually('npm runs', () => existsSync(join(project, 'runs')))
    process.kill(-(installing.child.pid ?? 0), signal)
    assert.equal(await installing.exited, code)
    assert.doesNotMatch(installing.output(), /registry/)
    assert.ok(!existsSync(gate()), 'the gate is shut')
    await rm(join(project, 'runs'))
  }
})

test('a second install waits for the first, and says so', async () => {
  const npm = await npmThat(`
    writeFileSync('runs', 'once', { flag: 'a' })
    const { existsSync } = await import('node:fs')
    while (!existsSync('go-on')) await new Promise((done) => setTimeout(done, 10))
    mkdirSync('node_modules', { recursive: true })`)
  const first = install(npm)
  await eventually('npm runs', () => existsSync(join(project, 'runs')))
  const second = install(npm)
  await eventually('the second waits', () => second.output().includes('Another install is under way'))
  await writeFile(join(project, 'go-on'), '')
  assert.deepEqual(await Promise.all([first.exited, second.exited]), [0, 0])
  assert.equal(await readFile(join(project, 'runs'), 'utf8'), 'once')
})
