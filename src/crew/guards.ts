/*
 * The rules that keep effects single and in order, each with a switch. They are all on; only tests pass something else,
 * to show that they would notice a rule that is missing (tests/simulation/teeth.test.ts, remote.db.test.ts).
 */
export interface Guards {
  /** The fence locks slots by their token. */
  readonly token: boolean
  /** Entries take effect only from the very position they were read from; a new connection asks where slots are. */
  readonly position: boolean
  /** Whether a run is passed over is decided under the locks. */
  readonly recheck: boolean
  /** A stream that changed lanes waits until its old lane is confirmed. */
  readonly handOver: boolean
  /** What concerns all students of a course comes after what all slots of its lane have before it. */
  readonly barrier: boolean
  /** A remote confirmation names what its position holds. */
  readonly content: boolean
}

export const allGuards: Guards = {
  token: true,
  position: true,
  recheck: true,
  handOver: true,
  barrier: true,
  content: true,
}
