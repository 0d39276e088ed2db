/**
 * A fit as a sequence of stages. The blocks of a stage do not depend on each other, so they may run in any order and in
 * any number of threads; whoever drives the sequence (`complete` here, `due/block-threads.ts` with threads) has all of
 * them done before it asks for the next stage.
 */
import type { InBlocks } from './blocks.ts'
import * as hard from './hard-plain.ts'
import { copyRows, type HardWork } from './hard-work.ts'
import { type DivisionWork, divideRows, type MarkWork, markHeldOut } from './hold-out.ts'
import { type MeetingWork, meetConcepts, type ResponseRows } from './kernels.ts'
import { type SortWork, sortRows } from './responses.ts'
import * as soft from './soft-plain.ts'
import type { SoftWork } from './soft-work.ts'
import { kernelsIn } from './wasm.ts'

/** Plain data over shared memory: it can be handed to another thread. */
export type Stage = { readonly blocks: number } & (
  | Preparation
  | { readonly task: 'hardLearners' | 'hardQuestions'; readonly work: HardWork }
  | { readonly task: 'hardRows' | 'hardLosses'; readonly work: HardWork; readonly rows: ResponseRows }
  | { readonly task: 'softLearners' | 'softQuestions'; readonly work: SoftWork }
  | { readonly task: 'softLosses'; readonly work: SoftWork; readonly rows: ResponseRows }
)

type Preparation =
  | { readonly task: 'sortRows'; readonly work: SortWork }
  | { readonly task: 'markHeldOut'; readonly work: MarkWork }
  | { readonly task: 'divideRows'; readonly work: DivisionWork }
  | { readonly task: 'meetConcepts'; readonly work: MeetingWork }

export type Stages<Result = void> = Generator<Stage, Result, undefined>

export function runBlock(stage: Stage, block: number): void {
  const { work } = stage
  const kernels = 'memory' in work && work.memory ? kernelsIn(work.memory) : undefined
  switch (stage.task) {
    case 'sortRows':
      sortRows(stage.work, block)
      return
    case 'markHeldOut':
      markHeldOut(stage.work, block)
      return
    case 'divideRows':
      divideRows(stage.work, block)
      return
    case 'meetConcepts':
      meetConcepts(stage.work, block)
      return
    case 'hardRows':
      copyRows(stage.work, block, stage.rows)
      return
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

/** One stage of preparation. */
export function* inBlocks<Task extends Preparation['task'], Result>(
  task: Task,
  { work, blocks, result }: InBlocks<Extract<Preparation, { task: Task }>['work'], Result>,
): Stages<Result> {
  yield { task, work, blocks } as Stage
  return result()
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
