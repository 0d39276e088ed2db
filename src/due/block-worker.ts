import { parentPort } from 'node:worker_threads'
import { runBlock, type Stage } from '#estimate/sparfa/stages.ts'
import type { BlockOrder } from './block-threads.ts'

/*
 * A thread that helps with a fit: takes blocks of the stage it was told of as long as there are any, and says how many
 * it did. What throws here ends the thread, and with it the fit.
 */
type Kept = Partial<Pick<Stage, 'work'> & { rows: unknown }>

/** Memory is told of once, and is the same for many stages. */
let kept: Kept = {}

parentPort?.on('message', ({ task, blocks, fresh, next }: BlockOrder) => {
  kept = { ...kept, ...fresh }
  const stage = { task, blocks, ...kept } as Stage
  let done = 0
  for (let block = Atomics.add(next, 0, 1); block < blocks; block = Atomics.add(next, 0, 1)) {
    runBlock(stage, block)
    done += 1
  }
  parentPort?.postMessage(done)
})
