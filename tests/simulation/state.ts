import type { ExceptionState } from '#crew/exceptions.ts'
import type { EventType, StreamKind } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'

/*
 * The tables, as far as the rules of log and crew can tell. Rows are replaced and never changed, so that a copy of the
 * maps is a copy of the database.
 */
export interface SegmentRow {
  readonly part: number
  readonly lane: number
  readonly position: number
  readonly stream: Uuid
  readonly next: number
  readonly events: number
  readonly types: number
  readonly body: Buffer
  readonly atMs: number
}

export interface PendingRow {
  readonly next: number
  readonly events: number
  readonly types: number
  readonly body: Buffer
  readonly atMs: number
}

export interface SlotRow {
  readonly part: number
  readonly lane: number
  readonly owner: Uuid | undefined
  readonly token: Uuid | undefined
  readonly epoch: bigint
  readonly position: bigint
  readonly exceptions: number
  readonly shares: number
}

export interface MemberRow {
  readonly isWorking: boolean
  readonly leaseUntilMs: number
}

export interface ExceptionRow {
  readonly part: number
  readonly lane: number
  readonly stream: Uuid
  readonly state: ExceptionState
  readonly nextNumber: number
  readonly untilNumber: number
  readonly afterPosition: bigint
  readonly afterLanes: readonly { readonly lane: number; readonly position: bigint }[]
  readonly awaitedLane: { readonly lane: number; readonly position: bigint } | undefined
  readonly owedFrom: readonly number[] | undefined
  readonly attempts: number
  readonly nextAtMs: number
  readonly awaited: { readonly kind: StreamKind; readonly stream: Uuid } | undefined
}

export interface EffectRow {
  readonly subscription: string
  readonly stream: Uuid
  readonly number: number
  readonly eventUuid: Uuid
  readonly type: EventType
  readonly student: Uuid | undefined
}

export interface SubscriptionState {
  isPaused: boolean
  readonly slots: Map<string, SlotRow>
  readonly members: Map<Uuid, MemberRow>
  /** By part and stream. */
  readonly exceptions: Map<string, ExceptionRow>
  /** By stream. */
  readonly effects: Map<Uuid, EffectRow[]>
}

export interface State {
  readonly segmentsOfLane: Map<string, SegmentRow[]>
  readonly segmentsOfStream: Map<string, SegmentRow[]>
  /** By part and stream, ascending. */
  readonly pending: Map<string, readonly PendingRow[]>
  readonly laneOfStream: Map<string, number>
  /** By part, stream and number. */
  readonly moves: Map<string, { readonly lane: number; readonly position: number }>
  readonly created: { readonly [kind in StreamKind]: Uuid[] }
  readonly subscriptions: Map<string, SubscriptionState>
}

export function emptyState(): State {
  return {
    segmentsOfLane: new Map(),
    segmentsOfStream: new Map(),
    pending: new Map(),
    laneOfStream: new Map(),
    moves: new Map(),
    created: { course: [], ecosystem: [] },
    subscriptions: new Map(),
  }
}

export function copyOf(state: State): State {
  const copied = <Row>(rows: ReadonlyMap<string, readonly Row[]>): Map<string, Row[]> =>
    new Map([...rows].map(([key, list]) => [key, [...list]]))
  return {
    segmentsOfLane: copied(state.segmentsOfLane),
    segmentsOfStream: copied(state.segmentsOfStream),
    pending: new Map(state.pending),
    laneOfStream: new Map(state.laneOfStream),
    moves: new Map(state.moves),
    created: { course: [...state.created.course], ecosystem: [...state.created.ecosystem] },
    subscriptions: new Map(
      [...state.subscriptions].map(([name, { isPaused, slots, members, exceptions, effects }]) => [
        name,
        {
          isPaused,
          slots: new Map(slots),
          members: new Map(members),
          exceptions: new Map(exceptions),
          effects: copied(effects) as Map<Uuid, EffectRow[]>,
        },
      ]),
    ),
  }
}

export function streamKeyOf(part: number, stream: Uuid): string {
  return `${part} ${stream}`
}

/** The rows that end behind `number`; ascending rows in, ascending rows out. */
export function rowsBehind<Row extends { readonly next: number }>(rows: readonly Row[] = [], number: number): Row[] {
  let low = 0
  let high = rows.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (rows[middle]!.next > number) high = middle
    else low = middle + 1
  }
  return rows.slice(low)
}

export function laneKeyOf(part: number, lane: number): string {
  return `${part}/${lane}`
}

export function headOf(state: State, part: number, stream: Uuid): number {
  return state.segmentsOfStream.get(streamKeyOf(part, stream))?.at(-1)?.next ?? 0
}

/**
 * What a transaction sees after it has written something: rows of slots and exceptions with its changes. Its effects
 * are read by nobody before the commit.
 */
export function withChanges(state: State, changes: readonly Change[]): State {
  if (changes.length === 0) return state
  const subscriptions = [...state.subscriptions].map(([name, { isPaused, slots, members, exceptions }]) => {
    const rows = { slots: new Map(slots), members: new Map(members), exceptions: new Map(exceptions) }
    return [name, { isPaused, ...rows, effects: new Map() }] as const
  })
  const view: State = { ...state, subscriptions: new Map(subscriptions) }
  for (const change of changes) change(view)
  return view
}

export function subscriptionOf(state: State, name: string): SubscriptionState {
  const found = state.subscriptions.get(name)
  if (found === undefined) throw new Error(`there is no subscription ${name}`)
  return found
}

/** One row changed or added; the list is read whenever it is needed and so is replaced, not changed. */
export type Change = (state: State) => void

export function addSegment(row: SegmentRow): Change {
  return (state) => {
    for (const [map, key] of [
      [state.segmentsOfLane, laneKeyOf(row.part, row.lane)],
      [state.segmentsOfStream, streamKeyOf(row.part, row.stream)],
    ] as const) {
      const rows = map.get(key)
      if (rows === undefined) map.set(key, [row])
      else rows.push(row)
    }
  }
}

export function changeSlot(subscription: string, key: string, change: Partial<SlotRow>): Change {
  return (state) => {
    const { slots } = subscriptionOf(state, subscription)
    const row = slots.get(key)
    if (row !== undefined) slots.set(key, { ...row, ...change })
  }
}
