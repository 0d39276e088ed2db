import { Command, Option } from 'commander'
import { countArms, type RecordedUnit, readAssignments, readExperiments } from '#due/experiments.ts'
import { terminalProgress } from '../demo/progress.ts'
import { requireExperiment } from './show.ts'
import { type ExperimentTools, withPool } from './tools.ts'

/* `biglearn experiments export NAME`: who got which arm, and when. */
interface ExportOptions {
  readonly format: 'csv' | 'jsonl'
}

const columns = ['experiment', 'version', 'unit', 'unit_uuid', 'algorithm_name', 'assigned_at'] as const

export function exportCommand(tools: ExperimentTools): Command {
  return new Command('export')
    .description('who got which arm and when, a line each, to standard output')
    .argument('<name>', 'of the experiment')
    .addOption(
      new Option('--format <format>', 'csv has a heading; jsonl is JSON lines')
        .choices(['csv', 'jsonl'])
        .default('csv'),
    )
    .addHelpText(
      'after',
      `
Columns: ${columns.join(', ')}. "unit" is course or student; "assigned_at" is when the unit first asked. A unit has one line
for each version in which it asked. Join it with events (POST /fetch_course_events) by course or student.`,
    )
    .action((name: string, { format }: ExportOptions) =>
      withPool(tools, async (pool) => {
        const experiment = requireExperiment(await readExperiments(pool), name)
        const counts = await countArms(pool, [experiment.name])
        const total = counts.reduce((sum, { units }) => sum + units, 0)
        const stage = process.stderr.isTTY ? terminalProgress(process.stderr).stage('units', total) : undefined
        const lineOf = format === 'csv' ? csvLine : jsonLine
        try {
          if (format === 'csv') await tools.write(csvLine([...columns]))
          for await (const page of readAssignments(pool, experiment.name)) {
            await tools.write(page.map((recorded) => lineOf(valuesOf(experiment, recorded))).join(''))
            stage?.advance(page.length)
          }
        } finally {
          stage?.end()
        }
      }),
    )
}

type Value = string | number

function valuesOf(
  { name, unit }: { readonly name: string; readonly unit: string },
  recorded: RecordedUnit,
): readonly Value[] {
  return [name, recorded.version, unit, recorded.unit, recorded.algorithm, recorded.assignedAt.toISOString()]
}

/** RFC 4180; names of algorithms may hold anything. */
function csvLine(values: readonly Value[]): string {
  const cells = values.map((value) => (/[",\r\n]/.test(`${value}`) ? `"${`${value}`.replaceAll('"', '""')}"` : value))
  return `${cells.join(',')}\r\n`
}

function jsonLine(values: readonly Value[]): string {
  return `${JSON.stringify(Object.fromEntries(columns.map((column, place) => [column, values[place]])))}\n`
}
