/**
 * Starting a fit from an earlier matrix (sparfa.md §14), and when not to: a cold fit is kept honest by early stopping,
 * a warm one may start over-fitted already.
 */
import type { FitInput } from './input.ts'
import type { SparfaMatrix } from './matrix.ts'
import { type Point, type Problem, startingPoint } from './problem.ts'
import type { Trained } from './train.ts'

/** A warm fit that much worse than the fit it came from is repeated cold. */
const LOSS_MARGIN = 0.002
/** Every k-th fit is cold, so that history does not leak for ever. */
const COLD_EVERY = 20

export function mayStartFrom(previous: SparfaMatrix): boolean {
  return previous.madeBy.warm_starts + 1 < COLD_EVERY
}

export function isMisled(trained: Trained, previous: SparfaMatrix): boolean {
  const before = previous.madeBy.held_out_log_loss
  return before !== null && trained.heldOutLogLoss !== undefined && trained.heldOutLogLoss > before + LOSS_MARGIN
}

/**
 * W and d of the earlier matrix, matched by id; new questions and pairs as in a cold fit; learners from zero: one epoch
 * moves them.
 */
export function warmPoint(problem: Problem, input: FitInput, previous: SparfaMatrix): Point {
  const point = startingPoint(problem)
  const { support } = problem
  const previousConcept = new Map(previous.conceptIds.map((id, index) => [id, index]))
  input.questionIds.forEach((id, question) => {
    const before = previous.questionIndex.get(id)
    if (before === undefined) return
    point.easiness[question] = previous.easiness[before]!
    const known = weightsOf(previous, before)
    for (let entry = support.start[question]!; entry < support.start[question + 1]!; entry++) {
      const concept = previousConcept.get(input.conceptIds[support.concept[entry]!]!)
      if (concept !== undefined) point.weights[entry] = known.get(concept) ?? point.weights[entry]!
    }
  })
  return point
}

/** By concept, with the zeros that are not stored. */
function weightsOf({ hints, weights }: SparfaMatrix, question: number): Map<number, number> {
  const known = new Map<number, number>()
  for (let entry = hints.start[question]!; entry < hints.start[question + 1]!; entry++) {
    known.set(hints.concept[entry]!, 0)
  }
  for (let entry = weights.start[question]!; entry < weights.start[question + 1]!; entry++) {
    known.set(weights.concept[entry]!, weights.value[entry]!)
  }
  return known
}
