import type { Command } from 'commander'
import type { StreamKind } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import type { OpenedLog, Repair } from '#log/log.ts'
import { gapsOfStreamMax } from '#log/repair.ts'
import { ConfigurationError } from '#platform/config.ts'
import { jsonText, rangesText } from './table.ts'
import {
  type DeedOptions,
  deed,
  type KindOptions,
  parseNumber,
  parseUuid,
  reasonOf,
  type StreamsTools,
  withKind,
  withStreams,
} from './tools.ts'

/* `biglearn streams repair COURSE`: fills numbers that will never be sent. There is no way back. */
interface RepairOptions extends DeedOptions, KindOptions {
  readonly from: number
  readonly to: number
  readonly dryRun?: true
}

export function repairCommand(tools: StreamsTools): Command {
  return withKind(deed('repair', 'fill missing numbers of a stream with no_ops, for good'))
    .argument('<course>', 'uuid of the course', parseUuid)
    .requiredOption('--from <number>', 'first number to fill', parseNumber)
    .requiredOption('--to <number>', 'last number to fill', parseNumber)
    .option('--dry-run', 'say what would be filled, change nothing')
    .addHelpText(
      'after',
      `
Only numbers that are missing now are filled; numbers that hold an event stay as they are. An event that arrives later
under a filled number is refused with 422, so first make sure that its producer has given it up. Number 0 is the
creation of the stream and can not be filled. Example:

  biglearn streams repair c0000000-0000-4000-8000-000000000001 --from 7 --to 9 --reason "lost in the crash of 12 May"`,
    )
    .action((stream: Uuid, options: RepairOptions) =>
      withStreams(tools, async ({ log }) => {
        const { from, to, kind } = options
        if (from > to) throw new ConfigurationError('--from is beyond --to', 'exchange them')
        const missing = await missingIn(log, kind, stream, { from, to })
        if (missing.length === 0) {
          throw new ConfigurationError(
            `nothing is missing from ${from} to ${to} below the highest stored number`,
            `see what is missing: biglearn streams status ${stream}`,
          )
        }
        const isDry = options.dryRun === true
        const filled = isDry ? [] : await fill(log, kind, stream, { from, to, ...reasonOf(options) })
        if (options.json) return tools.write(jsonText({ stream, missing, filled }))
        tools.write(isDry ? `would fill ${rangesText(missing)}\n` : `filled ${rangesText(runsOf(filled))}\n`)
        if (isDry) return
        const left = await missingIn(log, kind, stream, { from: 0, to: 2 ** 31 })
        tools.write(left.length === 0 ? 'the stream has no gap now\n' : `still missing: ${rangesText(left)}\n`)
      }),
    )
}

interface NumberRange {
  readonly from: number
  readonly to: number
}

async function missingIn(log: OpenedLog, kind: StreamKind, stream: Uuid, range: NumberRange): Promise<NumberRange[]> {
  const [status] = await log.statuses([{ kind, stream }], gapsOfStreamMax)
  return (status?.gaps ?? [])
    .map(({ from, to }) => ({ from: Math.max(from, range.from, 1), to: Math.min(to, range.to) }))
    .filter(({ from, to }) => from <= to)
}

/** The log fills so many numbers at a time; it is asked until there is nothing more. */
async function fill(log: OpenedLog, kind: StreamKind, stream: Uuid, repair: Repair): Promise<number[]> {
  const filled: number[] = []
  for (;;) {
    const numbers = await log.repair(kind, stream, repair)
    if (numbers.length === 0) return filled
    filled.push(...numbers)
  }
}

function runsOf(numbers: readonly number[]): NumberRange[] {
  const runs: { from: number; to: number }[] = []
  for (const number of numbers.toSorted((one, other) => one - other)) {
    const last = runs.at(-1)
    if (last !== undefined && last.to === number - 1) last.to = number
    else runs.push({ from: number, to: number })
  }
  return runs
}
