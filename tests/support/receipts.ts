import { setTimeout as sleep } from 'node:timers/promises'
import type { Recomputed } from '#answers/receipts.ts'
import { checkReceipt } from '#cli/receipt.ts'
import { toUuid } from '#domain/ids.ts'

/** What was handed out, computed again; its receipt is written a moment after the answer. */
export async function untilReceipt(databaseUrl: string, calculation: string | null | undefined): Promise<Recomputed> {
  for (let turn = 0; turn < 300; turn += 1) {
    const checked = await checkReceipt(databaseUrl, toUuid(calculation ?? ''))
    if (checked !== undefined) return checked
    await sleep(100)
  }
  throw new Error(`no receipt ${calculation} within half a minute`)
}
