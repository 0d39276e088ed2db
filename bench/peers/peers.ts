import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/*
 * The packages of this folder are for `npm run bench -- peers` only: 59 packages that no user of the product should
 * have to install. They have a lock file of their own and are installed when the benchmark first asks for them.
 */
const folder = import.meta.dirname

export async function installPeers(): Promise<void> {
  const stamp = join(folder, 'node_modules', '.biglearn-installed')
  const wanted = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  process.stderr.write('peers: installing the packages of bench/peers (once, about 15 seconds)\n')
  const words = ['ci', '--prefix', folder, '--no-audit', '--no-fund', '--loglevel=error', '--strict-allow-scripts']
  const npm = process.env['npm_execpath']
  const [program, all] = npm === undefined ? ['npm', words] : [process.execPath, [npm, ...words]]
  const child = spawn(program, all, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] })
  const code = await new Promise<number>((done, failed) => {
    child.on('error', failed)
    child.on('exit', (value) => done(value ?? 1))
  })
  if (code !== 0) throw new Error('the packages of bench/peers could not be installed')
  writeFileSync(stamp, wanted)
}

/** Imported from here, so that this folder's packages are found. */
export async function importPeer(name: string): Promise<unknown> {
  return import(name)
}

export function peerVersion(name: string): string {
  const manifest: { version: string } = JSON.parse(
    readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8'),
  )
  return manifest.version
}

export const peersFolder = join(folder, 'node_modules')
