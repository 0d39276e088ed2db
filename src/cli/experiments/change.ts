import { Command } from 'commander'
import type { Arm } from '#choose/experiment.ts'
import type { Instant } from '#domain/student.ts'
import { endExperiment, reweighExperiment } from '#due/experiments.ts'
import { currentUser } from '../current-user.ts'
import { experimentJson, experimentText } from './show.ts'
import { accepted, armWarnings, type ExperimentTools, parseArm, parseTime, withPool } from './tools.ts'

/* `biglearn experiments reweigh|end NAME`. */
const nextStep = 'see "biglearn experiments list --all"'

interface ReweighOptions {
  readonly arm: readonly Arm[]
  readonly actor: string
  readonly json?: true
}

export function reweighCommand(tools: ExperimentTools): Command {
  return new Command('reweigh')
    .description('give an experiment other arms or weights, as its next version')
    .argument('<name>', 'of the experiment')
    .requiredOption('--arm <name=weight>', 'every arm from now on; 0 closes one', parseArm)
    .option('--actor <name>', 'who; kept beside the data', currentUser())
    .option('--json', 'print JSON, for programs')
    .addHelpText(
      'after',
      `
A unit moves only from an arm that lost share to one that gained, and with two arms no more units move than the shares
ask for. The records of earlier versions stay, so an evaluation can tell who had which arm when.`,
    )
    .action((name: string, { arm: arms, actor, json }: ReweighOptions) =>
      withPool(tools, async (pool) => {
        const changed = accepted(await reweighExperiment(pool, name, { arms, actor }), nextStep)
        for (const warning of armWarnings(arms)) tools.note(`note: ${warning}\n`)
        await tools.write(json ? experimentJson(changed) : experimentText(changed, [], Date.now()))
      }),
    )
}

interface EndOptions {
  readonly at?: Instant
  readonly json?: true
}

export function endCommand(tools: ExperimentTools): Command {
  return new Command('end')
    .description('end an experiment; from then on "assigned" is the default algorithm again')
    .argument('<name>', 'of the experiment')
    .option('--at <time>', 'a time to come, such as 2026-12-20T00:00:00Z; now if absent', parseTime)
    .option('--json', 'print JSON, for programs')
    .addHelpText('after', '\nServers follow within a second. What was recorded stays and can be exported.')
    .action((name: string, { at, json }: EndOptions) =>
      withPool(tools, async (pool) => {
        const ended = accepted(await endExperiment(pool, name, at), nextStep)
        await tools.write(json ? experimentJson(ended) : experimentText(ended, [], Date.now()))
      }),
    )
}
