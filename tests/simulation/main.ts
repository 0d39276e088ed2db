import { Command, InvalidArgumentError } from 'commander'
import { faultNames, World } from './world.ts'

/*
 * `npm run simulate -- --seed S --hours H`: log and crew on virtual time, a minute of faults and a healing in turn, for
 * H hours. Exits 1 at the first violation, with the seed and what led to it.
 */
const program = new Command('simulate')
  .description(
    `Runs the log and the subscriptions as in production, several processes, on a virtual clock and a server in memory,
while processes are killed and frozen, answers lost, the server crashed and replaced, clocks moved, courses moved,
poisoned, repaired and replayed. What is promised is checked after each commit. The same seed gives the same run.`,
  )
  .option('--seed <n>', 'of the first run (default: by the clock)', numberFrom(0))
  .option('--hours <h>', 'hours of virtual time a run', numberFrom(0), 1)
  .option('--runs <n>', 'so many runs, each with the next seed', numberFrom(1), 1)
  .option('--processes <n>', 'processes that run at once', numberFrom(1), 3)
  .option('--courses <n>', 'courses with events', numberFrom(1), 5)
  .addHelpText(
    'after',
    `
An hour takes a minute or two. Examples:
  npm run simulate -- --seed 7 --hours 0.1           six minutes of virtual time
  npm run simulate -- --seed 1 --runs 10000 --hours 0.01   many short runs, as at night
What happens to it: ${faultNames.join(', ')}.`,
  )
  .showHelpAfterError('(run with --help for the options)')
  .parse()
const options = program.opts<{ seed?: number; hours: number; runs: number; processes: number; courses: number }>()
const firstSeed = options.seed ?? Date.now() % 1_000_000
const hourMs = 3_600_000
const roundMs = 60_000
const sayEveryMs = 5000

function numberFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (Number.isFinite(value) && value >= least) return value
    throw new InvalidArgumentError(`must be a number from ${least}.`)
  }
}

let saidMs = 0
function progress(seed: number, world: World): void {
  if (performance.now() - saidMs < sayEveryMs) return
  saidMs = performance.now()
  const hours = (world.time.nowMs / hourMs).toFixed(2)
  process.stderr.write(`seed ${seed}: ${hours} of ${options.hours} h, ${world.operations} operations\n`)
}

/** False after a violation. */
async function simulate(seed: number): Promise<boolean> {
  const world = new World({ seed, processes: options.processes, courses: options.courses })
  const untilMs = options.hours * hourMs
  try {
    while (world.time.nowMs < untilMs) {
      await world.run(Math.min(roundMs, Math.max(1000, untilMs - world.time.nowMs)))
      progress(seed, world)
    }
  } catch (error) {
    process.stdout.write(`${world.lastSteps.join('\n')}\n\nVIOLATION with seed ${seed}: ${error}\n`)
    process.stdout.write(`again: npm run simulate -- --seed ${seed} --hours ${options.hours}\n`)
    return false
  } finally {
    const injected = [...world.injected].sort().map(([name, count]) => `${name} ${count}`)
    const hours = (world.time.nowMs / hourMs).toFixed(3)
    const { commits, effects } = world.invariants
    process.stdout.write(`seed ${seed}: ${hours} virtual hours, ${world.operations} operations, ${commits} commits, `)
    process.stdout.write(`${effects} effects; faults: ${injected.join(', ')}\n`)
  }
  return true
}

let isSound = true
for (let run = 0; run < options.runs && isSound; run += 1) isSound = await simulate(firstSeed + run)
process.stdout.write(isSound ? 'no violation\n' : '')
process.exitCode = isSound ? 0 : 1
