import type { PlantedOptions } from '#estimate/sparfa/planted.ts'

/** As in bench_numpy.py. */
export const world: Omit<PlantedOptions, 'seed'> = {
  questions: 5000,
  concepts: 250,
  learners: 10_000,
  responses: 1_000_000,
  secondHints: 0.2,
  sigmaSpecific: 0.7,
  sigmaGeneral: 0.7,
}
