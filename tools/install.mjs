/*
 * Installs what is missing, once for any number of commands that start at the same moment. Runs on Node 20 before
 * anything else exists, so: plain JavaScript, no dependencies. npm runs it with its own address in npm_execpath.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const modules = join(root, 'node_modules')
const stamp = join(modules, '.biglearn-installed')
const gate = join(root, '.installing')
const gateAgeMaxMs = 15_000

const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .update(`${process.platform}-${process.arch}`)
  .digest('hex')

let hasSaidToWait = false
while (process.exitCode === undefined && !isInstalled()) {
  if (takeGate()) await installBehindGate()
  else await waitForOther()
}

function isInstalled() {
  // A linked node_modules belongs to another checkout, which looks after it.
  if (existsSync(modules) && lstatSync(modules).isSymbolicLink()) return true
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted
}

/** mkdir is atomic. A gate that nobody touched for a while belonged to a process that was killed. */
function takeGate() {
  try {
    mkdirSync(gate)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  }
  try {
    if (Date.now() - statSync(gate).mtimeMs > gateAgeMaxMs) rmSync(gate, { recursive: true, force: true })
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
  return false
}

async function waitForOther() {
  if (!hasSaidToWait) process.stderr.write('Another install is under way, waiting for it …\n')
  hasSaidToWait = true
  await sleep(250)
}

async function installBehindGate() {
  const touch = setInterval(() => utimesSync(gate, new Date(), new Date()), 2000)
  try {
    if (isInstalled()) return
    process.stderr.write('Installing packages (once, about a minute) …\n')
    const { code, signal } = await npmCi()
    if (code === 0) {
      writeFileSync(stamp, wanted)
      return
    }
    // Not process.exit: the gate would stay, and the next install wait for it.
    process.exitCode = signal === undefined ? 1 : 128 + constants.signals[signal]
    if (signal !== undefined) return
    process.stderr.write(
      'The packages could not be installed. Check the npm registry and the network, then try again.\n',
    )
  } finally {
    clearInterval(touch)
    rmSync(gate, { recursive: true, force: true })
  }
}

/** Resolves with npm's exit code, and with the signal that ended it, whether it reached npm or only us. */
function npmCi() {
  // Whatever the environment leaves out, such as NODE_ENV=production: `npm start` needs Vite, Node 24 and PostgreSQL.
  const whole = ['--include=dev', '--include=optional']
  const words = ['ci', ...whole, '--no-audit', '--no-fund', '--loglevel=error', '--strict-allow-scripts']
  const npm = process.env.npm_execpath
  const [program, all] = npm === undefined ? ['npm', words] : [process.execPath, [npm, ...words]]
  const child = spawn(program, all, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  let heard
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => {
      heard ??= signal
      child.kill(signal)
    })
  }
  return new Promise((done) => {
    child.on('error', () => done({ code: 127, signal: heard }))
    child.on('exit', (code, signal) => done({ code, signal: heard ?? signal ?? undefined }))
  })
}
