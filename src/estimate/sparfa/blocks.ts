/**
 * How the work of a fit is cut into blocks, and memory that the threads working on them share. Blocks depend on the
 * answers and on nothing else: the number of threads and the order in which they get to their blocks change no bit.
 */
const BLOCKS_MAX = 16
const ROWS_PER_BLOCK_MIN = 8192

/** A bounded number, because every block of a hard fit has sums of its own. */
export function blockCountFor(rows: number): number {
  return Math.min(Math.max(Math.ceil(rows / ROWS_PER_BLOCK_MIN), 1), BLOCKS_MAX)
}

/** First row of each block, for about as many answers in each; row r has start[r]…start[r + 1] - 1. */
export function blockStarts(start: Int32Array, blocks: number): Int32Array {
  const rowCount = start.length - 1
  const starts = sharedInts(blocks + 1).fill(rowCount)
  starts[0] = 0
  let block = 1
  for (let row = 0; row < rowCount; row++) {
    while (block < blocks && start[row]! * blocks >= start[rowCount]! * block) {
      starts[block] = row
      block += 1
    }
  }
  return starts
}

export function sharedInts(length: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT))
}

export function sharedBytes(length: number): Uint8Array {
  return new Uint8Array(new SharedArrayBuffer(length))
}

/** Turns counts, each one place behind its row, into first places; in place. */
export function sumUp(start: Int32Array): void {
  for (let row = 1; row < start.length; row++) start[row]! += start[row - 1]!
}

/** Something that is done in blocks, which may be done anywhere (`stages.ts`); then `result` may be asked for. */
export interface InBlocks<Work, Result> {
  readonly work: Work
  readonly blocks: number
  result(): Result
}

export function runHere<Work, Result>(
  { work, blocks, result }: InBlocks<Work, Result>,
  run: (work: Work, block: number) => void,
): Result {
  for (let block = 0; block < blocks; block++) run(work, block)
  return result()
}
