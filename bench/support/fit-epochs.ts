import type { FitInput } from '#estimate/sparfa/input.ts'
import { presets } from '#estimate/sparfa/presets.ts'
import { makeProblem, startingPoint } from '#estimate/sparfa/problem.ts'
import { sortResponses } from '#estimate/sparfa/responses.ts'
import { softAdadelta } from '#estimate/sparfa/soft-adadelta.ts'
import { complete } from '#estimate/sparfa/stages.ts'
import { variational } from '#estimate/sparfa/variational.ts'
import { bestSeconds } from './thread-seconds.ts'

/** The best of `runs` epochs over all answers, in processor time of one thread. */
export function epochSeconds(input: FitInput, presetName: 'hard' | 'soft-strict', runs: number): number {
  const preset = presets[presetName]
  const counts = { learnerCount: input.learnerCount, questionCount: input.questionIds.length }
  const problem = makeProblem({
    preset,
    responses: sortResponses(input.responses, counts),
    hints: input.hints,
    conceptCount: input.conceptIds.length,
  })
  const optimiser = (preset.mask === 'hard' ? variational : softAdadelta)(problem, startingPoint(problem))
  let epoch = 0
  return bestSeconds(runs, () => {
    complete(optimiser.epoch(epoch))
    epoch += 1
  })
}
