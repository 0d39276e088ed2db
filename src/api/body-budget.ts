/*
 * How many bytes of large bodies may be in memory at once. Parsing a body takes several times its size, so a few dozen
 * of the largest allowed ones would end the process and everybody's requests with it.
 */
export interface BodyBudget {
  /** False when there is no room now. After true, `release` must be called once with the same bytes. */
  reserve(bytes: number): boolean
  release(bytes: number): void
}

/** Smaller bodies are not counted: the number of connections limits them, and the hot path pays nothing. */
export const countedFromBytes = 1024 * 1024

export function createBodyBudget(bytesMax: number): BodyBudget {
  let reserved = 0
  return {
    reserve: (bytes) => {
      // A single body is always let in, however large the configured limit of one body is.
      if (reserved > 0 && reserved + bytes > bytesMax) return false
      reserved += bytes
      return true
    },
    release: (bytes) => {
      reserved -= bytes
    },
  }
}
