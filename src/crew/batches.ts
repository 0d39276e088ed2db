import type { LaneEntry } from '#log/log.ts'
import type { SlotBatch } from './pass.ts'

/*
 * Cuts what was read into transactions of about `eventsMax` events. Lanes with little come first, so that a lane with a
 * long backlog never stands before them; within a lane the order of positions is kept and no entry is split.
 */
export function chunkBatches(batches: readonly SlotBatch[], eventsMax: number): SlotBatch[][] {
  const ascending = [...batches].sort((a, b) => eventsIn(a.entries) - eventsIn(b.entries))
  const chunks: SlotBatch[][] = []
  let chunk: SlotBatch[] = []
  let room = eventsMax
  const close = (): void => {
    if (chunk.length > 0) chunks.push(chunk)
    chunk = []
    room = eventsMax
  }
  for (const batch of ascending) {
    let rest = batch
    while (rest.entries.length > 0) {
      const count = entriesWithin(rest.entries, room)
      if (count === 0 && chunk.length > 0) {
        close()
        continue
      }
      const taken = rest.entries.slice(0, Math.max(1, count))
      chunk.push({ ...rest, entries: taken })
      room -= eventsIn(taken)
      rest = { ...rest, from: taken.at(-1)?.position ?? rest.from, entries: rest.entries.slice(taken.length) }
      if (rest.entries.length > 0) close()
    }
  }
  close()
  return chunks
}

function entriesWithin(entries: readonly LaneEntry[], room: number): number {
  let events = 0
  let count = 0
  for (const entry of entries) {
    events += entry.events.length
    if (events > room) break
    count += 1
  }
  return count
}

function eventsIn(entries: readonly LaneEntry[]): number {
  return entries.reduce((sum, entry) => sum + entry.events.length, 0)
}
