import { randomUUID } from 'node:crypto'
import { Command } from 'commander'
import { type AnswerKind, type Arm, answerKinds, type ExperimentUnit } from '#choose/experiment.ts'
import type { Instant } from '#domain/student.ts'
import { createExperiment } from '#due/experiments.ts'
import { currentUser } from '../current-user.ts'
import { experimentJson, experimentText } from './show.ts'
import {
  accepted,
  armWarnings,
  type ExperimentTools,
  parseArm,
  parseKinds,
  parseTime,
  parseUnit,
  withPool,
} from './tools.ts'

/* `biglearn experiments create NAME`. */
interface CreateOptions {
  readonly unit: ExperimentUnit
  readonly kind: readonly AnswerKind[]
  readonly arm: readonly Arm[]
  readonly seed?: string
  readonly starts?: Instant
  readonly ends?: Instant
  readonly description: string
  readonly actor: string
  readonly json?: true
}

export function createCommand(tools: ExperimentTools): Command {
  return new Command('create')
    .description('begin an experiment, now or later')
    .argument('<name>', 'letters, digits, dots, hyphens, underscores; never used twice')
    .requiredOption('--unit <unit>', 'what gets an arm: course (a class together) or student', parseUnit)
    .requiredOption('--kind <kinds>', `what it decides about, a comma list of ${answerKinds.join(', ')}`, parseKinds)
    .requiredOption('--arm <name=weight>', 'an algorithm and its weight (1 if absent); twice or more', parseArm)
    .option('--seed <text>', 'what the draw is made from; drawn and printed if absent')
    .option('--starts <time>', 'with time zone, such as 2026-09-01T08:00:00Z; now if absent', parseTime)
    .option('--ends <time>', 'when it is over; open if absent', parseTime)
    .option('--description <text>', 'what you want to find out; kept beside the data', '')
    .option('--actor <name>', 'who; kept beside the data', currentUser())
    .option('--json', 'print JSON, for programs')
    .addHelpText(
      'after',
      `
One experiment at a time can decide about a kind; overlapping ones are refused. A unit gets the same arm for every kind.
Teacher CLUEs are about a class, so they need --unit course. For spaced exercises (spe) name the algorithm without
student_driven_ or instructor_driven_: the client's request says which ("student_driven_assigned"), or to compare the two
histories, name both in full with --kind spe alone.`,
    )
    .action((name: string, options: CreateOptions) =>
      withPool(tools, async (pool) => {
        const { unit, kind: kinds, arm: arms, seed = randomUUID(), starts, ends, description, actor, json } = options
        const draft = { name, unit, kinds, arms, seed, description, startsAt: starts, endsAt: ends }
        const outcome = await createExperiment(pool, draft, actor)
        const created = accepted(outcome, 'correct it, or see "biglearn experiments list --all"')
        for (const warning of armWarnings(arms)) tools.note(`note: ${warning}\n`)
        await tools.write(json ? experimentJson(created) : experimentText(created, [], Date.now()))
      }),
    )
}
