import { access, constants, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigurationError } from './config.ts'

/**
 * One program per data folder: the lock is a file that names the owner's process. A lock whose owner is gone is taken
 * over, so a killed program never stops the next start.
 */
export async function lockDataFolder(dataDir: string): Promise<() => Promise<void>> {
  await makeFolder(dataDir)
  const file = join(dataDir, 'owner.pid')
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const handle = await open(file, 'wx')
      await handle.writeFile([process.pid, ...((await identityOf(process.pid)) ?? [])].join('\n'))
      await handle.close()
      return () => rm(file, { force: true })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const [pid = '', ...identity] = (await readFile(file, 'utf8').catch(() => '')).split('\n')
    const owner = Number(pid)
    if (owner !== process.pid && isRunning(owner) && (await isSame(owner, identity))) {
      throw new ConfigurationError(
        `the data folder ${dataDir} is in use by process ${owner}`,
        'stop that one, or start on another folder with --data (and another --port); ' +
          `if it is not Biglearn, remove ${file}`,
      )
    }
    await rm(file, { force: true })
  }
  throw new ConfigurationError(`the data folder ${dataDir} can not be locked`, 'is another start under way?')
}

async function makeFolder(dataDir: string): Promise<void> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await access(dataDir, constants.W_OK)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    throw new ConfigurationError(
      `the data folder ${dataDir} can not be used (${String(error.code)})`,
      'name a folder that you may write to with --data',
    )
  }
}

function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** False when the number belongs to another process by now, or its process is dead and only not yet buried. */
async function isSame(pid: number, identity: readonly string[]): Promise<boolean> {
  const now = await identityOf(pid)
  // Earlier versions wrote the number alone, and other systems know no more.
  if (now === undefined || identity.length === 0) return true
  return now.join('\n') === identity.join('\n')
}

/** What tells a process from a later one of the same number: when the machine started, and when the process did. */
async function identityOf(pid: number): Promise<readonly string[] | undefined> {
  try {
    const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // Fields 3 and 22 of proc(5); the second one, a name in brackets, may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' ? [] : [boot, fields[19] ?? '']
  } catch {
    return undefined
  }
}
