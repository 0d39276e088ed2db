import { readdir, readFile, readlink } from 'node:fs/promises'

export interface Process {
  readonly pid: number
  readonly command: string
}

/** Those that name the folder in their command, or work in it, as those of PostgreSQL do. */
export async function processesOf(folder: string): Promise<Process[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const all = await Promise.all(
    pids.map(async (pid) => ({
      pid: Number(pid),
      command: (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' '),
      cwd: await readlink(`/proc/${pid}/cwd`).catch(() => ''),
    })),
  )
  return all.filter(({ command, cwd }) => command.includes(folder) || cwd.startsWith(folder))
}
