import type { Uuid } from '#domain/ids.ts'

/*
 * Who should hand back and who should take which slot: the decision of one member at one tick (streams.md §4.5), pure.
 * Members decide alone, each from its own view; a wrong view costs idle time or a lost compare-and-set, never a double
 * effect, because ownership is proved inside the transactions that use it.
 */
export interface SlotKey {
  readonly part: number
  readonly lane: number
}

/** Lanes of the log are below; slots beyond are further ones of the same lane (sub-streams.ts). */
export const laneNumbers = 32_768

/** A slot as the database shows it. */
export interface SlotOwnership extends SlotKey {
  readonly epoch: bigint
  readonly owner: Uuid | undefined
}

export interface OwnershipView {
  readonly self: Uuid
  /** Members with a valid lease; `self` is counted whether it is listed or not. */
  readonly live: readonly Uuid[]
  readonly slots: readonly SlotOwnership[]
  /** Slots whose token this member knows, in the order in which it got them. */
  readonly held: readonly SlotKey[]
  readonly isPaused: boolean
}

export interface OwnershipMoves {
  readonly release: readonly SlotKey[]
  readonly acquire: readonly SlotOwnership[]
}

/** The lane of the log that a slot reads. */
export function laneOf(slot: Pick<SlotKey, 'lane'>): number {
  return slot.lane % laneNumbers
}

export function slotName(slot: SlotKey): string {
  return `${slot.part}/${slot.lane}`
}

/** The slot or lane of this name. */
export function slotNamed(name: string): SlotKey {
  const [part = Number.NaN, lane = Number.NaN] = name.split('/').map(Number)
  return { part, lane }
}

/** Quotas add up to `slots` and differ by one at most. */
export function quotaOf(rank: number, members: number, slots: number): number {
  return Math.floor(slots / members) + (rank < slots % members ? 1 : 0)
}

/**
 * Which held slots belong to somebody else by now, or were reset: an idle owner begins no transaction whose fence would
 * tell it. Nothing rests on this but the time until somebody works on them again.
 */
export function lostSlots<Held extends SlotKey & { readonly epoch: bigint }>(
  self: Uuid,
  held: readonly Held[],
  slots: readonly SlotOwnership[],
): Held[] {
  const shown = new Map(slots.map((slot) => [slotName(slot), slot]))
  return held.filter((grant) => {
    const slot = shown.get(slotName(grant))
    return slot?.owner !== self || slot.epoch !== grant.epoch
  })
}

export function decideOwnership(view: OwnershipView): OwnershipMoves {
  if (view.isPaused) return { release: view.held, acquire: [] }
  const members = [...new Set([...view.live, view.self])].sort()
  const rank = members.indexOf(view.self)
  const several = lanesOfSeveralSlots(view.slots)
  const groupOf = (slot: SlotKey): string => (several.has(laneName(slot)) ? laneName(slot) : '')
  const held = Map.groupBy(view.held, groupOf)
  const moves = [...Map.groupBy(view.slots, groupOf)].map(([group, slots]) => {
    // What is left over goes to other members from lane to lane.
    const turn = group === '' ? rank : (rank + (slots[0]?.part ?? 0)) % members.length
    return decideGroup({ ...view, slots, held: held.get(group) ?? [] }, members, turn)
  })
  return { release: moves.flatMap(({ release }) => release), acquire: moves.flatMap(({ acquire }) => acquire) }
}

/** Slots that are shared out among the members: all ordinary ones together, and those of each lane that has several. */
function decideGroup(view: OwnershipView, members: readonly Uuid[], rank: number): OwnershipMoves {
  const quota = quotaOf(rank, members.length, view.slots.length)
  const strays = strayGrants(view)
  if (view.held.length > quota) {
    // Last acquired first: the oldest slots have the warmest caches.
    return { release: view.held.slice(quota).reverse(), acquire: strays }
  }
  const live = new Set(members)
  const candidates = view.slots.filter((slot) => slot.owner === undefined || !live.has(slot.owner))
  // Members that wake together start at different places, so that they rarely reach for the same slot.
  const offset = Math.floor((rank * candidates.length) / members.length)
  const rotated = [...candidates.slice(offset), ...candidates.slice(0, offset)]
  const wanted = Math.max(0, quota - view.held.length - strays.length)
  return { release: [], acquire: [...strays, ...rotated.slice(0, wanted)] }
}

/** They are of use on different members, so each of these lanes is shared out by itself. */
function lanesOfSeveralSlots(slots: readonly SlotKey[]): Set<string> {
  return new Set(slots.flatMap((slot) => (slot.lane >= laneNumbers ? [laneName(slot)] : [])))
}

function laneName(slot: SlotKey): string {
  return slotName({ part: slot.part, lane: laneOf(slot) })
}

/**
 * Slots that name this member but whose token it does not know: granted by a statement whose answer was lost. They are
 * taken again under a new token, whatever the quota, because nobody else will: this member is alive.
 */
function strayGrants(view: OwnershipView): SlotOwnership[] {
  const held = new Set(view.held.map(slotName))
  return view.slots.filter((slot) => slot.owner === view.self && !held.has(slotName(slot)))
}
