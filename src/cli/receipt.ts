import { Command } from 'commander'
import { portsOfPast } from '#answers/open.ts'
import { type Recomputed, recompute } from '#answers/receipts.ts'
import { isUuid, toUuid, type Uuid } from '#domain/ids.ts'
import { openMatrixStore } from '#due/matrix-store.ts'
import { openReceipts } from '#due/receipts.ts'
import { openDeliveredLog } from '#learning/delivered-log.ts'
import { openLearningReader } from '#learning/reader.ts'
import { openStreamReader } from '#log/open.ts'
import { openPool } from '#platform/postgres.ts'
import { checkDatabase } from './checked-database.ts'
import { receiptText } from './receipt-text.ts'
import { requireDatabaseUrl } from './serve/options.ts'
import { pastOfReceipt } from './serve/past.ts'

/*
 * `biglearn receipt ID`: what was handed out, computed once more from the log. Ends with code 0 when they
 * are the same, 1 when not, 2 when there is no such receipt.
 */
const exitUnknown = 2

export function receiptCommand(): Command {
  return new Command('receipt')
    .description('compute again what was handed out under a calculation_uuid, say why, and whether it is equal')
    .argument('<id>', 'calculation_uuid of exercises that were given, or of a CLUE that was fetched with explain=1')
    .action(async (id: string, _options: object, command: Command) => {
      if (!isUuid(id)) command.error(`biglearn: ${id} is not a uuid`, { exitCode: exitUnknown })
      const checked = await checkReceipt(requireDatabaseUrl(process.env), toUuid(id))
      if (checked === undefined) {
        command.error(
          `biglearn: there is no receipt ${id}; uploaded results leave none, and CLUEs only with explain=1`,
          {
            exitCode: exitUnknown,
          },
        )
      }
      process.stdout.write(`${receiptText(checked)}\n`)
      process.exitCode = checked.differences.length === 0 ? 0 : 1
    })
}

/** `undefined`: no such receipt. */
export async function checkReceipt(url: string, calculation: Uuid): Promise<Recomputed | undefined> {
  // Looking back may fold a long course; nobody waits behind it.
  const pool = openPool(url, { name: 'receipt', connectionsMax: 2, statementTimeoutMs: 60_000 })
  try {
    await checkDatabase(pool)
    const receipt = await openReceipts(pool).read(calculation)
    if (receipt === undefined) return undefined
    const log = openDeliveredLog(await openStreamReader(pool), pool)
    const matrixStore = openMatrixStore(pool, { freshMs: 1000, matricesMax: 4 })
    const past = pastOfReceipt({ reader: openLearningReader(pool), log, matrixStore }, receipt)
    return await recompute(portsOfPast(past, matrixStore, receipt.asOf), receipt)
  } finally {
    await pool.end()
  }
}
