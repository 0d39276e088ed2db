/** Current-level-of-understanding estimate: a share of right answers, 0…1, with an interval around it. */
export interface Clue {
  readonly minimum: number
  readonly mostLikely: number
  readonly maximum: number
  /** False for the default that says "nothing is known yet". */
  readonly isReal: boolean
}

/** The default everywhere (design D21): nothing known, so the interval is everything. */
export const unknownClue: Clue = { minimum: 0, mostLikely: 0.5, maximum: 1, isReal: false }
