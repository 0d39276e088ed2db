import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Builds the browser application into `dist/console` when its sources, the types it shares with the server or the lock
 * file changed since the last build (0.3 s), and otherwise only reads them (a few milliseconds). Built beside the old
 * folder and put in place by rename: processes that start together see a whole build, the old or the new one.
 */
export async function buildConsole(): Promise<string> {
  const target = join(root, 'dist', 'console')
  const stampFile = join(target, stampName)
  const stamp = await hashOfInputs()
  if ((await readFile(stampFile, 'utf8').catch(() => '')) === stamp) return target
  await mkdir(join(root, 'dist'), { recursive: true })
  const fresh = await mkdtemp(join(root, 'dist', 'console-'))
  try {
    const { build } = await import('vite')
    await build({
      root: consoleFolder,
      configFile: join(consoleFolder, 'vite.config.ts'),
      logLevel: 'error',
      build: { outDir: fresh, emptyOutDir: true },
    })
    await writeFile(join(fresh, stampName), stamp)
    await putInPlace(fresh, target, stamp)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return target
}

const root = fileURLToPath(new URL('../../../', import.meta.url))
const consoleFolder = join(root, 'src', 'console')
const stampName = '.inputs-sha256'

/** Whoever comes second finds the same build in place and drops its own. */
async function putInPlace(fresh: string, target: string, stamp: string): Promise<void> {
  for (let attempt = 0; attempt < 5; attempt++) {
    const old = `${fresh}-old`
    await rename(target, old).catch(() => undefined)
    const moved = await rename(fresh, target).then(
      () => true,
      () => false,
    )
    await rm(old, { recursive: true, force: true })
    if (moved) return
    if ((await readFile(join(target, stampName), 'utf8').catch(() => '')) === stamp) return
  }
  throw new Error(`the console was built but could not be put in place at ${target}`)
}

async function hashOfInputs(): Promise<string> {
  const entries = await readdir(consoleFolder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const hash = createHash('sha256')
  for (const file of [...files.sort(), join(root, 'package-lock.json')]) {
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(await readFile(file))
      .update('\0')
  }
  return hash.digest('hex')
}
