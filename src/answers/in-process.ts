import type { Learner } from '#choose/clue-inputs.ts'
import type { Clue } from '#domain/clue.ts'
import type { Uuid } from '#domain/ids.ts'
import { remembered } from '#domain/remembered.ts'
import type { Algorithm, ClueOptions, LearnerAnswer, RankCandidates } from '#estimate/algorithm.ts'
import { createBreath } from '#platform/breath.ts'

/*
 * Algorithms that run inside this program, each with what it learnt for an ecosystem. What a model or an algorithm's
 * knowledge of a learner is made of stays in here: the rest of the module sees names, CLUEs and orders.
 */
export interface InProcessAlgorithm {
  readonly name: string
  /** `undefined` until something was learnt for this ecosystem. */
  fitted(ecosystem: Uuid): Promise<FittedAlgorithm | undefined>
}

export interface FittedAlgorithm {
  readonly name: string
  /** Names what was learnt: another uuid, another model. */
  readonly model: Uuid
  /** Comes to know a class, so that `clue` need not do it in one go: others have the event loop meanwhile. */
  prepare(learners: readonly Learner[]): Promise<void>
  clue(learners: readonly Learner[], pool: readonly Uuid[]): Clue
  /** Exercise groups, best first. */
  rank(learner: Learner, candidates: RankCandidates): Iterable<Uuid>
  /** Expected share of right answers, where the algorithm estimates it. */
  expected(learner: Learner, group: Uuid): number | undefined
}

export interface NamedModel<Model> {
  readonly uuid: Uuid
  readonly model: Model
}

/** By name in lower case; names of algorithms compare without regard to case. */
export type InProcessAlgorithms = ReadonlyMap<string, InProcessAlgorithm>

export const clueOptions: ClueOptions = { confidence: 0.5, minResponses: 3 }

interface KnownClass<Knowledge> {
  readonly model: Uuid
  readonly known: readonly Knowledge[]
  /** By pool: the same list each time. */
  readonly clues: Map<readonly Uuid[], Clue>
}

/** As `Algorithm.know` of each. */
export type KnowTogether<Model, Knowledge> = (
  named: NamedModel<Model>,
  answers: readonly (readonly LearnerAnswer[])[],
) => Promise<readonly Knowledge[]>

/** Fewer are known sooner than another thread hears of them. */
const togetherMin = 16

export function inProcess<Model, Knowledge>(
  algorithm: Algorithm<Model, Knowledge>,
  modelOf: (ecosystem: Uuid) => Promise<NamedModel<Model> | undefined>,
  knowTogether?: KnowTogether<Model, Knowledge>,
): InProcessAlgorithm {
  // Models follow each other; what was computed with an older one is not asked for again.
  const kept = new WeakMap<Learner, { readonly model: Uuid; readonly knowledge: Knowledge }>()

  function know({ uuid, model }: NamedModel<Model>, learner: Learner): Knowledge {
    const before = kept.get(learner)
    if (before?.model === uuid) return before.knowledge
    const knowledge = algorithm.know(model, learner.inputs.answers)
    kept.set(learner, { model: uuid, knowledge })
    return knowledge
  }

  async function prepare(named: NamedModel<Model>, learners: readonly Learner[]): Promise<void> {
    const unknown = learners.filter((learner) => kept.get(learner)?.model !== named.uuid)
    if (knowTogether !== undefined && unknown.length >= togetherMin) {
      const known = await knowTogether(
        named,
        unknown.map(({ inputs }) => inputs.answers),
      )
      for (const [at, learner] of unknown.entries()) kept.set(learner, { model: named.uuid, knowledge: known[at]! })
      return
    }
    const breath = createBreath()
    for (const learner of unknown) {
      await breath.take()
      know(named, learner)
    }
  }

  // A class is asked about page after page, and comes back as the same list while nobody has answered.
  const keptClasses = new WeakMap<readonly Learner[], KnownClass<Knowledge>>()

  function knowClass(named: NamedModel<Model>, learners: readonly Learner[]): KnownClass<Knowledge> {
    const before = keptClasses.get(learners)
    if (before?.model === named.uuid) return before
    const known = learners.map((learner) => know(named, learner))
    const made = { model: named.uuid, known, clues: new Map<readonly Uuid[], Clue>() }
    keptClasses.set(learners, made)
    return made
  }

  return {
    name: algorithm.name,
    fitted: async (ecosystem) => {
      const named = await modelOf(ecosystem)
      if (named === undefined) return undefined
      return {
        name: algorithm.name,
        model: named.uuid,
        prepare: (learners) => prepare(named, learners),
        clue: (learners, pool) => {
          const { known, clues } = knowClass(named, learners)
          return remembered(clues, pool, () => algorithm.clue(named.model, known, pool, clueOptions))
        },
        rank: (learner, candidates) => algorithm.rank(named.model, know(named, learner), candidates),
        expected: (learner, group) => algorithm.expected?.(named.model, know(named, learner), group),
      }
    },
  }
}
