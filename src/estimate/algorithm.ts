import type { Clue } from '#domain/clue.ts'
import type { Uuid } from '#domain/ids.ts'

/**
 * The port that every in-process algorithm implements. Everything is synchronous and pure: same inputs, same answer.
 * `Model` is whatever the algorithm learnt for one ecosystem (for SPARFA the matrix); `Knowledge` is what it knows
 * about one learner given that model and the learner's answers. Questions are exercise *groups*.
 */
export interface Algorithm<Model, Knowledge> {
  readonly name: string
  /** What the model says about one learner. Order of `answers` must not matter; unknown groups are ignored. */
  know(model: Model, answers: readonly LearnerAnswer[]): Knowledge
  /** CLUE of a set of learners over a pool of exercise groups; `unknownClue` when there is too little data. */
  clue(model: Model, learners: readonly Knowledge[], pool: readonly Uuid[], options: ClueOptions): Clue
  /** The candidates that the model knows, best first. Callers read as far as they need. */
  rank(model: Model, learner: Knowledge, candidates: RankCandidates): Iterable<Uuid>
  /** Expected share of right answers, for explanations; absent where an algorithm does not estimate it. */
  expected?(model: Model, learner: Knowledge, group: Uuid): number | undefined
}

/** The latest answer of one learner to one exercise group. */
export interface LearnerAnswer {
  readonly group: Uuid
  readonly isCorrect: boolean
}

/** Exercise groups to put in order. */
export interface RankCandidates {
  /** A pool that comes again is the same list, so that it needs to be looked up only once. */
  readonly pools: readonly (readonly Uuid[])[]
  /** Those of the pools' groups that are no candidates. */
  readonly withoutGroups: ReadonlySet<Uuid>
}

export interface ClueOptions {
  /** Probability that the interval holds the truth, 0…1; the server uses 0.5 (sparfa.md §11). */
  readonly confidence: number
  /** Fewer counted answers than this over all learners give the default CLUE (design D21). */
  readonly minResponses: number
}
