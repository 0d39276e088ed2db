import { statfs } from 'node:fs/promises'
import { isStorageFull } from './postgres.ts'

/*
 * Room on the volume of the database (streams.md §4.8). While there is little of it, nothing new is accepted, so that
 * what was accepted can still be worked off and PostgreSQL never has to stop in the middle of its own log. Known in two
 * ways: by looking at the volume, where this machine has it, and by the server's word that a file could not grow.
 */
export interface Storage {
  /** Nothing new is to be written now. */
  isFull(): boolean
  /** Says whether an error told that the server has no room left, and believes it for a while. */
  tellsFull(error: unknown): boolean
  /** Share of the volume that is free, 0 … 1; undefined where it can not be seen. */
  freeShare(): number | undefined
  close(): void
}

export interface StorageOptions {
  /** Any folder on the volume; undefined where it belongs to another machine. */
  readonly folder: string | undefined
  /** Never full with so much room, however small its share. */
  readonly freeBytesEnough?: number
  readonly checkMs?: number
  readonly say?: (line: string) => void
}

/** Little enough that a full volume is far, large enough for what consumers still have to write. */
const freeShareMin = 0.15
/** So that a volume at the limit does not go back and forth. */
const freeShareAgain = 0.17
export const storageCheckMsDefault = 5000
/** Then the next write tries again. */
const believedMs = 5000

export function watchStorage({ folder, freeBytesEnough, checkMs, say }: StorageOptions): Storage {
  let share: number | undefined
  let isLow = false
  let fullUntilMs = Number.NEGATIVE_INFINITY

  async function look(): Promise<void> {
    const volume = folder === undefined ? undefined : await statfs(folder).catch(() => undefined)
    if (volume === undefined) return
    share = volume.bavail / volume.blocks
    const isEnough = freeBytesEnough !== undefined && volume.bavail * volume.bsize >= freeBytesEnough
    const wasLow = isLow
    isLow = !isEnough && share < (isLow ? freeShareAgain : freeShareMin)
    if (isLow !== wasLow)
      say?.(isLow ? `only ${percent(share)} of ${folder} is free: read-only` : 'there is room again')
  }

  void look()
  const timer = setInterval(() => void look(), checkMs ?? storageCheckMsDefault)
  timer.unref()
  return {
    isFull: () => isLow || performance.now() < fullUntilMs,
    tellsFull: (error) => {
      if (!isStorageFull(error)) return false
      if (performance.now() >= fullUntilMs) say?.('the database has no room left: read-only')
      fullUntilMs = performance.now() + believedMs
      return true
    },
    freeShare: () => share,
    close: () => clearInterval(timer),
  }
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}
