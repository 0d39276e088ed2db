import { Command } from 'commander'
import { type Experiment, type ExperimentVersion, expectedShares, isRunning } from '#choose/experiment.ts'
import type { Instant } from '#domain/student.ts'
import { type ArmCount, countArms, readExperiments } from '#due/experiments.ts'
import { ConfigurationError } from '#platform/config.ts'
import { jsonText, tableText } from '../streams/table.ts'
import { type ExperimentTools, textOf, withPool } from './tools.ts'

/* `biglearn experiments list|show`. */
interface ListOptions {
  readonly all?: true
  readonly json?: true
}

export function listCommand(tools: ExperimentTools): Command {
  return new Command('list')
    .description('experiments that run or will run')
    .option('--all', 'those that have ended as well')
    .option('--json', 'print JSON, for programs')
    .action(({ all, json }: ListOptions) =>
      withPool(tools, async (pool) => {
        const now = Date.now()
        const known = (await readExperiments(pool)).filter((one) => all || stateOf(one, now) !== 'ended')
        if (json) return tools.write(jsonText(known.map((one) => withTimesAsText(one))))
        if (known.length === 0) return tools.write(`there are no experiments${all ? '' : ' that run (see --all)'}\n`)
        const rows = known.map((one) => [
          ...[one.name, stateOf(one, now), one.unit, one.kinds.join(','), newest(one).version],
          ...[
            newest(one)
              .arms.map(({ algorithm, weight }) => `${algorithm}=${weight}`)
              .join(' '),
          ],
          ...[textOf(one.startsAt), textOf(one.endsAt)],
        ])
        return tools.write(tableText(['name', 'state', 'unit', 'kinds', 'version', 'arms', 'starts', 'ends'], rows))
      }),
    )
}

export function showCommand(tools: ExperimentTools): Command {
  return new Command('show')
    .description('one experiment: its arms, and how many units each has got so far')
    .argument('<name>', 'of the experiment')
    .option('--json', 'print JSON, for programs')
    .action((name: string, { json }: ListOptions) =>
      withPool(tools, async (pool) => {
        const experiment = requireExperiment(await readExperiments(pool), name)
        const counts = await countArms(pool, [experiment.name])
        await tools.write(json ? experimentJson(experiment, counts) : experimentText(experiment, counts, Date.now()))
      }),
    )
}

export function experimentJson(experiment: Experiment, counts?: readonly ArmCount[]): string {
  return jsonText(withTimesAsText(experiment, counts))
}

function withTimesAsText(experiment: Experiment, counts?: readonly ArmCount[]): object {
  const { startsAt, endsAt, versions } = experiment
  return {
    ...experiment,
    ...{ startsAt: textOf(startsAt), endsAt: endsAt === undefined ? null : textOf(endsAt) },
    versions: versions.map((version) => ({ ...version, since: textOf(version.since) })),
    ...(counts && { counts: counts.map(({ experiment: _, ...count }) => count) }),
  }
}

export function requireExperiment(all: readonly Experiment[], name: string): Experiment {
  const found = all.find((one) => one.name.toLowerCase() === name.toLowerCase())
  if (found !== undefined) return found
  const names = all.map((one) => one.name).join(', ')
  throw new ConfigurationError(
    `there is no experiment ${name}`,
    names === '' ? 'begin one with "biglearn experiments create"' : `there are ${names}`,
  )
}

function newest({ versions }: Experiment): ExperimentVersion {
  const version = versions.at(-1)
  if (version === undefined) throw new RangeError('an experiment has at least one version')
  return version
}

function stateOf(experiment: Experiment, now: Instant): string {
  if (isRunning(experiment, now)) return 'running'
  return now < experiment.startsAt && experiment.endsAt !== experiment.startsAt ? 'planned' : 'ended'
}

export function experimentText(experiment: Experiment, counts: readonly ArmCount[], now: Instant): string {
  const { name, unit, kinds, seed, description, startsAt, endsAt, versions } = experiment
  const lines = [
    `${name} (${stateOf(experiment, now)}), by ${unit}, decides about ${kinds.join(', ')}`,
    ...(description === '' ? [] : [`  ${description}`]),
    `  from ${textOf(startsAt)} to ${textOf(endsAt)}, seed ${seed}`,
  ]
  const tables = versions.map((version) => {
    const own = counts.filter((count) => count.version === version.version)
    return `version ${version.version}, since ${textOf(version.since)}\n${armsTable(version, own)}`
  })
  return [`${lines.join('\n')}\n`, ...tables].join('\n')
}

const barLength = 40

/** A bar of one arm's share; `|` stands where the weight would have it. */
function armsTable({ arms }: ExperimentVersion, counts: readonly ArmCount[]): string {
  const total = counts.reduce((sum, { units }) => sum + units, 0)
  const shares = expectedShares(arms)
  const rows = arms.map(({ algorithm, weight }, place) => {
    const units = counts.find((count) => count.algorithm === algorithm)?.units ?? 0
    const [share, expected] = [total === 0 ? 0 : units / total, shares[place] ?? 0]
    const filled = '█'.repeat(Math.round(share * barLength)).padEnd(barLength, ' ')
    const mark = Math.min(barLength - 1, Math.round(expected * barLength))
    const bar = `${filled.slice(0, mark)}|${filled.slice(mark + 1)}`
    return [algorithm, weight, expected.toFixed(3), units, total === 0 ? '-' : share.toFixed(3), bar]
  })
  return tableText(['arm', 'weight', 'expected', 'units', 'share', ''], rows)
}
