import { Command, Option } from 'commander'
import type pg from 'pg'
import type { Difference } from '#learning/parity.ts'
import { type RebuildOptions, rebuildLearning } from '#learning/rebuild.ts'
import type { OpenedLog } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { openPool } from '#platform/postgres.ts'
import { checkDatabase } from './checked-database.ts'
import { type Stage, terminalProgress } from './demo/progress.ts'
import { requireDatabaseUrl } from './serve/options.ts'

/*
 * `biglearn rebuild`: the read models once more from the log, beside the live ones and under load. Ends with code 1 and
 * the first difference when they are not equal.
 */
export function rebuildCommand(): Command {
  return new Command('rebuild')
    .description('fold the whole log again beside the live read models and compare; needs the right to create tables')
    .addOption(
      new Option('--mode <mode>', 'check: compare only; exchange: put in place when equal; replace: do not compare')
        .choices(['check', 'exchange', 'replace'])
        .default('check'),
    )
    .action(async ({ mode }: Pick<RebuildOptions, 'mode'>) => {
      const difference = await rebuild(requireDatabaseUrl(process.env), mode)
      if (difference === undefined) return
      process.stdout.write(`first difference, in ${difference.table}\n`)
      process.stdout.write(`  live:    ${difference.live ?? '(no such row)'}\n`)
      process.stdout.write(`  rebuilt: ${difference.rebuilt ?? '(no such row)'}\n`)
      process.exitCode = 1
    })
}

/** The log of a database that is there and has every migration. */
async function openChecked(pool: pg.Pool): Promise<OpenedLog> {
  try {
    await checkDatabase(pool)
    return await openLog(pool)
  } catch (error) {
    await pool.end()
    throw error
  }
}

async function rebuild(url: string, mode: RebuildOptions['mode']): Promise<Difference | undefined> {
  const pool = openPool(url, { name: 'rebuild', connectionsMax: 2, statementTimeoutMs: 60_000 })
  const log = await openChecked(pool)
  const progress = terminalProgress(process.stderr)
  let stage: Stage | undefined
  try {
    const report: RebuildOptions['report'] = ({ streamsTotal }) => {
      stage ??= progress.stage('streams', streamsTotal)
      stage.advance(1)
    }
    const result = await rebuildLearning({ url, log, mode, report }).finally(() => stage?.end())
    process.stdout.write(`${result.events} events of ${result.streams} streams folded\n`)
    if (result.setAside.length > 0) process.stdout.write(`${result.setAside.length} courses wait set aside\n`)
    if (result.difference === undefined && mode !== 'replace') process.stdout.write('equal to the live read models\n')
    if (result.isExchanged) process.stdout.write('the rebuilt read models are in place\n')
    return result.difference
  } finally {
    await log.close()
    await pool.end()
  }
}
