import { access, constants, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ConfigurationError } from './config.ts'

/**
 * One program per data folder: the lock is a file with the owner's pid. A lock whose owner is gone is taken over, so
 * a killed program never stops the next start.
 */
export async function lockDataFolder(dataDir: string): Promise<() => Promise<void>> {
  await makeFolder(dataDir)
  const file = join(dataDir, 'owner.pid')
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const handle = await open(file, 'wx')
      await handle.writeFile(String(process.pid))
      await handle.close()
      return () => rm(file, { force: true })
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
    }
    const owner = Number(await readFile(file, 'utf8').catch(() => '0'))
    if (owner !== process.pid && isRunning(owner)) {
      throw new ConfigurationError(
        `the data folder ${dataDir} is in use by process ${owner}`,
        'stop that one, or start on another folder with --data (and another --port)',
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
