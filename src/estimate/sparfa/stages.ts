/**
 * A fit as a sequence of stages. The blocks of a stage do not depend on each other, so they may run in any order and in
 * any number of threads; whoever drives the sequence (`complete` here, `due/fit-threads.ts` with threads) has all of
 * them done before it asks for the next stage.
 */
import * as hard from './hard-plain.ts'
import type { HardWork } from './hard-work.ts'
import type { ResponseRows } from './kernels.ts'
import * as soft from './soft-plain.ts'
import type { SoftWork } from './soft-work.ts'
import { kernelsIn } from './wasm.ts'

/** Plain data over shared memory: it can be handed to another thread. */
export type Stage = { readonly blocks: number } & (
  | { readonly task: 'hardLearners' | 'hardQuestions'; readonly work: HardWork }
  | { readonly task: 'hardLosses'; readonly work: HardWork; readonly rows: ResponseRows }
  | { readonly task: 'softLearners' | 'softQuestions'; readonly work: SoftWork }
  | { readonly task: 'softLosses'; readonly work: SoftWork; readonly rows: ResponseRows }
)

export type Stages<Result = void> = Generator<Stage, Result, undefined>

export function runBlock(stage: Stage, block: number): void {
  const { work } = stage
  const kernels = work.memory && kernelsIn(work.memory)
  switch (stage.task) {
    case 'hardLearners':
      if (kernels === undefined) hard.updateLearners(stage.work.arrays, block)
      else kernels.hardLearners(block)
      return
    case 'hardQuestions':
      hard.updateQuestions(stage.work.arrays, block)
      return
    case 'hardLosses':
      hard.sumLosses(stage.work.arrays, block, stage.rows)
      return
    case 'softLearners':
      if (kernels === undefined) soft.updateLearners(stage.work.arrays, block)
      else kernels.softLearners(block)
      return
    case 'softQuestions':
      if (kernels === undefined) soft.updateQuestions(stage.work.arrays, block)
      else kernels.softQuestions(block)
      return
    case 'softLosses':
      soft.sumLosses(stage.work.arrays, block, stage.rows)
  }
}

/** Runs everything in this thread. */
export function complete<Result>(stages: Stages<Result>): Result {
  for (;;) {
    const next = stages.next()
    if (next.done === true) return next.value
    for (let block = 0; block < next.value.blocks; block++) runBlock(next.value, block)
  }
}

/** For an optimiser that does its work by itself. */
export function* atOnce<Result>(result: Result): Stages<Result> {
  yield* []
  return result
}
