/**
 * Penalties of the cost function (sparfa.md §3) and the presets fixed for every data set. Infinite penalties remove a
 * term: no concept-specific part v, or no general ability g.
 */
export interface Penalties {
  /** Pull of hinted weights towards 1 / (number of hints). */
  readonly lamW: number
  /** L1 and L2 on weights without a hint; only a soft mask has them. */
  readonly lamN1: number
  readonly lamN2: number
  /** Pull of d towards the easiness of the question's concepts. */
  readonly lamD: number
  /** On v, the concept-specific part of a learner's knowledge. */
  readonly lamU: number
  /** On g, the learner's general ability. */
  readonly lamG: number
}

export interface Preset {
  readonly name: string
  /** `hard`: weights exist on hints alone; `soft`: on every pair, drawn to zero without a hint. */
  readonly mask: 'hard' | 'soft'
  readonly penalties: Penalties
  readonly fitsWeights: boolean
  /** One concept for all questions: the classical item response models. */
  readonly hasSingleConcept: boolean
  /** lam_g is only a start: the variance of g is estimated along with everything else. */
  readonly learnsGeneral: boolean
  /** Where the prior of d is centred is estimated along with d (`offset.ts`). */
  readonly learnsOffsets: boolean
}

export type PresetName = 'hard' | 'soft' | 'soft-strict' | 'irt1' | 'irt2'

const infinite = Number.POSITIVE_INFINITY

export const presets: { readonly [Name in PresetName]: Preset } = {
  hard: {
    name: 'hard',
    mask: 'hard',
    penalties: { lamW: 10, lamN1: 0, lamN2: 0, lamD: 1, lamU: 2, lamG: 1 },
    fitsWeights: true,
    hasSingleConcept: false,
    learnsGeneral: false,
    learnsOffsets: true,
  },
  soft: {
    name: 'soft',
    mask: 'soft',
    penalties: { lamW: 10, lamN1: 0.5, lamN2: 1, lamD: 1, lamU: 1, lamG: 4 },
    fitsWeights: true,
    hasSingleConcept: false,
    learnsGeneral: false,
    learnsOffsets: true,
  },
  'soft-strict': {
    name: 'soft-strict',
    mask: 'soft',
    penalties: { lamW: 10, lamN1: 2, lamN2: 1, lamD: 1, lamU: 1, lamG: infinite },
    fitsWeights: true,
    hasSingleConcept: false,
    learnsGeneral: false,
    learnsOffsets: true,
  },
  irt1: {
    name: 'irt1',
    mask: 'hard',
    penalties: { lamW: 10, lamN1: 0, lamN2: 0, lamD: 1, lamU: infinite, lamG: 1 },
    fitsWeights: false,
    hasSingleConcept: true,
    learnsGeneral: false,
    learnsOffsets: false,
  },
  irt2: {
    name: 'irt2',
    mask: 'hard',
    penalties: { lamW: 10, lamN1: 0, lamN2: 0, lamD: 1, lamU: infinite, lamG: 1 },
    fitsWeights: true,
    hasSingleConcept: true,
    learnsGeneral: false,
    learnsOffsets: false,
  },
}

/** Values of lam_u that `auto` tries, in this order: each fit starts from the one before, so from stiff to loose. */
export const autoLamU: readonly number[] = [64, 16, 8, 4, 2, 1]
