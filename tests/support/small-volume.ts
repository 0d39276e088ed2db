import { execFile } from 'node:child_process'
import { mkdtemp, rm, statfs, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** A volume of its own, small enough to be filled; `undefined` where this user may not mount one. */
export class SmallVolume {
  readonly folder: string
  readonly #ballast: string

  private constructor(folder: string) {
    this.folder = folder
    this.#ballast = join(folder, 'ballast')
  }

  static async mount(megabytes: number): Promise<SmallVolume | undefined> {
    const folder = await mkdtemp(join(tmpdir(), 'biglearn-volume-'))
    try {
      await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0755`, 'biglearn-test', folder])
      return new SmallVolume(folder)
    } catch {
      await rm(folder, { recursive: true })
      return undefined
    }
  }

  /** Leaves no more than this share of the volume free, 0 … 1. */
  async fillTo(freeShare: number): Promise<void> {
    const { bavail, blocks, bsize } = await statfs(this.folder)
    const bytes = Math.floor((bavail - blocks * freeShare) * bsize)
    if (bytes > 0) await writeFile(this.#ballast, Buffer.alloc(bytes), { flag: 'a' }).catch(() => undefined)
  }

  async makeRoom(): Promise<void> {
    await truncate(this.#ballast, 0)
  }

  async unmount(): Promise<void> {
    await run('umount', [this.folder])
    await rm(this.folder, { recursive: true, force: true })
  }
}
