import { pipeline, type Readable, Transform } from 'node:stream'

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

/** Says that there is no room for the rest of a body. */
export class NoRoomForBody extends Error {}

/**
 * A body whose length was not said, counted as it comes: the result fails with `NoRoomForBody` in the middle. What it
 * has reserved by then is to be released by calling `release` once.
 */
export function countedBody(body: Readable, budget: BodyBudget): { readonly body: Readable; release(): void } {
  let bytes = 0
  let reserved = 0
  let isReleased = false
  const counted = new Transform({
    transform(piece: Buffer, _encoding, next) {
      bytes += piece.length
      if (bytes >= countedFromBytes) {
        if (isReleased || !budget.reserve(bytes - reserved))
          return next(new NoRoomForBody('too many large bodies at once'))
        reserved = bytes
      }
      next(null, piece)
    },
  })
  // Whoever reads the result hears of every failure.
  pipeline(body, counted, () => undefined)
  const release = (): void => {
    isReleased = true
    budget.release(reserved)
  }
  return { body: counted, release }
}
