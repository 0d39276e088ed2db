import { readFileSync, writeFileSync } from 'node:fs'
import { fitMatrix } from '#estimate/sparfa/fit.ts'
import { plant } from '#estimate/sparfa/planted.ts'
import { world } from './sparfa-world.ts'

/*
 * A process of its own (run with --expose-gc) that fits the bench's world once and prints how far its resident memory
 * rose above what it was before the answers were there: answers, working space and the matrix together.
 */
function residentMb(name: 'VmRSS' | 'VmHWM'): number {
  const line = readFileSync('/proc/self/status', 'utf8').match(new RegExp(`${name}:\\s+(\\d+) kB`))
  return Number(line?.[1]) / 1024
}

const collect = (globalThis as { gc?: () => void }).gc
if (collect === undefined) throw new Error('start with --expose-gc')
collect()
const before = residentMb('VmRSS')
const { input } = plant({ ...world, seed: Number(process.argv[2]) })
collect()
// The peak so far is that of planting, which keeps every learner's true knowledge.
writeFileSync('/proc/self/clear_refs', '5')
fitMatrix(input, { preset: 'hard', seed: 1 })
process.stdout.write(JSON.stringify({ fit_mb: residentMb('VmHWM') - before, process_mb: residentMb('VmHWM') }))
