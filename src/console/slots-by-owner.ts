/** What each member of a subscription holds, those with the most slots first. */
export interface OwnerLine {
  readonly owner: string
  readonly slots: number
  readonly entriesBehind: number
}

interface Slot {
  readonly owner: string | null
  readonly entriesBehind: number
}

export function slotsByOwner(slots: readonly Slot[]): OwnerLine[] {
  const lines = new Map<string, OwnerLine>()
  for (const { owner, entriesBehind } of slots) {
    if (owner === null) continue
    const before = lines.get(owner) ?? { owner, slots: 0, entriesBehind: 0 }
    lines.set(owner, { owner, slots: before.slots + 1, entriesBehind: before.entriesBehind + entriesBehind })
  }
  return [...lines.values()].sort((a, b) => b.slots - a.slots || (a.owner < b.owner ? -1 : 1))
}
