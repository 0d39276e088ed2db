/*
 * Installs what is missing, once for any number of commands that start at the same moment. Runs on Node 20 before
 * anything else exists, so: plain JavaScript, no dependencies. npm runs it with its own address in npm_execpath.
 */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
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

while (!isInstalled()) {
  if (takeGate()) await installBehindGate()
  else await sleep(250)
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

async function installBehindGate() {
  const touch = setInterval(() => utimesSync(gate, new Date(), new Date()), 2000)
  try {
    if (isInstalled()) return
    process.stderr.write('Installing packages (once, about a minute) …\n')
    if ((await npmCi()) === 0) {
      writeFileSync(stamp, wanted)
      return
    }
    process.stderr.write(
      'The packages could not be installed. Check the npm registry and the network, then try again.\n',
    )
    process.exit(1)
  } finally {
    clearInterval(touch)
    rmSync(gate, { recursive: true, force: true })
  }
}

function npmCi() {
  const words = ['ci', '--no-audit', '--no-fund', '--loglevel=error', '--strict-allow-scripts']
  const npm = process.env.npm_execpath
  const [program, all] = npm === undefined ? ['npm', words] : [process.execPath, [npm, ...words]]
  const child = spawn(program, all, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => child.kill(signal))
  return new Promise((done) => {
    child.on('error', () => done(127))
    child.on('exit', (code) => done(code ?? 1))
  })
}
