import type { FitInput } from '#estimate/sparfa/input.ts'
import { presets } from '#estimate/sparfa/presets.ts'
import { makeProblem, type Problem, startingPoint } from '#estimate/sparfa/problem.ts'
import { sortResponses } from '#estimate/sparfa/responses.ts'
import { softAdadelta } from '#estimate/sparfa/soft-adadelta.ts'
import { complete, runBlock, type Stages } from '#estimate/sparfa/stages.ts'
import { variational } from '#estimate/sparfa/variational.ts'
import type { KernelName } from '#estimate/sparfa/workspace.ts'
import { bestSeconds, threadSeconds } from './thread-seconds.ts'

/** All answers, none held out. */
export function problemOf(input: FitInput, presetName: 'hard' | 'soft-strict'): Problem {
  const counts = { learnerCount: input.learnerCount, questionCount: input.questionIds.length }
  return makeProblem({
    preset: presets[presetName],
    responses: sortResponses(input.responses, counts),
    hints: input.hints,
    conceptCount: input.conceptIds.length,
  })
}

/** The best of `runs` epochs over all answers, in processor time of one thread. */
export function epochSeconds(problem: Problem, kernel: KernelName, runs: number): number {
  const make = problem.preset.mask === 'hard' ? variational : softAdadelta
  const optimiser = make(problem, startingPoint(problem), kernel)
  let epoch = 0
  return bestSeconds(runs, () => {
    complete(optimiser.epoch(epoch))
    epoch += 1
  })
}

/**
 * Runs the stages in this thread, and counts on `clock` what `threads` threads with a core each would need: what lies
 * between the stages, and for each stage the blocks of the thread that has most of them (blocks have about the same
 * number of answers; one of them is too short for the system's count of processor time). So it says something on a
 * machine whose cores are busy, and nothing about memory that threads wait for together.
 */
export function scheduled(stages: Stages<unknown>, threads: number, clock: { seconds: number }): void {
  for (;;) {
    const begin = threadSeconds()
    const next = stages.next()
    const middle = threadSeconds()
    clock.seconds += middle - begin
    if (next.done === true) return
    const { blocks } = next.value
    for (let block = 0; block < blocks; block++) runBlock(next.value, block)
    clock.seconds += ((threadSeconds() - middle) * Math.ceil(blocks / threads)) / blocks
  }
}
