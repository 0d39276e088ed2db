import type { StreamEvent } from '#domain/events.ts'
import { namedUuid } from '#domain/named-uuid.ts'
import type { AppendResult, Repair } from './log.ts'
import type { LogStore } from './store.ts'
import type { StreamSlot } from './stream-audit.ts'

/**
 * Closes holes whose events will never come: no_ops through the ordinary append, so a true event that arrives at the
 * same moment either wins its number or is refused, and the order of the stream holds either way.
 */
interface RepairPorts {
  readonly store: Pick<LogStore, 'statuses' | 'writeAudit'>
  append(events: readonly StreamEvent[]): Promise<AppendResult>
}

/** All there are: the window behind a hole (design D7) leaves room for far fewer. */
export const gapsOfStreamMax = 2 ** 31 - 1

/** For one call; a longer hole takes several. */
const numbersMax = 1000

export async function repairStream(ports: RepairPorts, slot: StreamSlot, repair: Repair): Promise<number[]> {
  const [status] = await ports.store.statuses([slot], gapsOfStreamMax)
  const missing = (status?.gaps ?? []).flatMap(({ from, to }) =>
    numbersBetween(Math.max(from, repair.from, 1), Math.min(to, repair.to)),
  )
  const numbers = missing.slice(0, numbersMax)
  // One request a number: where the true event came first, only that one is refused.
  const results = await Promise.allSettled(
    numbers.map((number) => ports.append([repairEvent(slot, number, repair.reason)])),
  )
  const filled = numbers.filter((_, index) => {
    const result = results[index]
    return result?.status === 'fulfilled' && result.value.kind === 'stored'
  })
  if (filled.length > 0) await ports.store.writeAudit(slot, 'repair', repair, { numbers: filled })
  for (const result of results) if (result.status === 'rejected') throw result.reason
  return filled
}

function numbersBetween(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, Math.min(to - from + 1, numbersMax)) }, (_, index) => from + index)
}

/** The same number of the same stream gets the same uuid, so a repair that is repeated is a duplicate. */
function repairEvent({ kind, stream }: StreamSlot, number: number, reason: string): StreamEvent {
  const eventUuid = namedUuid(stream, `repair ${number}`)
  const data = {
    request_uuid: eventUuid,
    [kind === 'course' ? 'course_uuid' : 'ecosystem_uuid']: stream,
    sequence_number: number,
    reason,
  }
  return { kind, stream, number, eventUuid, type: 'no_op', data }
}
