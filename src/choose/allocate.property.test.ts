import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Exercise } from '#domain/ecosystem.ts'
import type { Uuid } from '#domain/ids.ts'
import { type AllocationInput, allocate, type PickedExercise, type SlotGroup } from './allocate.ts'
import type { RankedCandidates, RankedExercise } from './candidates.ts'
import { id, ids, numbered } from './test-book.ts'

/**
 * The criteria of scheduler.md §9.1 in order of importance, each the smaller the better. Total displacement, evenness,
 * positions and the places of containers in the tie-breaking order are sums over the picks.
 */
type Score = readonly [unfilled: number, displacement: number, evenness: number, positions: number, ties: number]

interface Case {
  readonly slots: readonly SlotGroup[]
  readonly offered: readonly { readonly container: number; readonly group: number }[]
  readonly containers: readonly Uuid[]
  readonly goal: number
}

const groupCount = 12

function caseOf(containerCount: number, counts: number[], costs: number[], membership: number[]): Case {
  const containers = numbered('c', containerCount).map(id)
  const slots = counts.map((count, slot) => ({
    count,
    displacement: new Map(containers.map((one, at) => [one, costs[(slot * containerCount + at) % costs.length] ?? 0])),
  }))
  const offered = membership.flatMap((bits, group) =>
    containers.flatMap((_, container) => (((bits >> container) & 1) === 1 ? [{ container, group }] : [])),
  )
  return { slots, offered, containers, goal: counts.reduce((sum, count) => sum + count, 0) }
}

const cases = fc
  .tuple(
    fc.integer({ min: 1, max: 4 }),
    fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 4 }),
    fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 16, maxLength: 16 }),
    fc.array(fc.integer({ min: 0, max: 15 }), { maxLength: groupCount }),
  )
  .map(([containers, counts, costs, membership]) => caseOf(containers, counts, costs, membership))
  .filter(({ goal }) => goal <= 8)

function ranked(group: number): RankedExercise {
  const exercise: Exercise = { uuid: id(`x${group}`), group: id(`g${group}`), version: 1 }
  return { exercise, position: group, isRanked: true }
}

function inputOf({ slots, offered, containers }: Case): AllocationInput {
  const candidates = new Map<Uuid, RankedExercise[]>(containers.map((one) => [one, []]))
  for (const { container, group } of offered) {
    const list = candidates.get(containers[container] as Uuid)
    if (!list?.some(({ position }) => position === group)) list?.push(ranked(group))
  }
  for (const list of candidates.values()) list.sort((a, b) => a.position - b.position)
  return { slots, candidates, containerOrder: containers }
}

function scoreOf(
  given: Case,
  picks: readonly Pick<PickedExercise, 'container' | 'displacement' | 'position'>[],
): Score {
  const perContainer = new Map<Uuid, number>()
  let [displacement, positions, ties] = [0, 0, 0]
  for (const pick of picks) {
    perContainer.set(pick.container, (perContainer.get(pick.container) ?? 0) + 1)
    displacement += pick.displacement
    positions += pick.position
    ties += given.containers.indexOf(pick.container)
  }
  const evenness = [...perContainer.values()].reduce((sum, count) => sum + count * count, 0)
  return [given.goal - picks.length, displacement, evenness, positions, ties]
}

function compare(a: Score, b: Score): number {
  for (const [at, value] of a.entries()) {
    const other = b[at] as number
    if (value !== other) return value - other
  }
  return 0
}

/**
 * Every way to fill the slots: group by group, unused or taken from one of its containers into one of the slot groups.
 * What the rest can still become depends only on the slots left and the picks per container, so the best score for
 * each such state is kept; nothing else is skipped.
 */
function exhaustive(given: Case): Score {
  interface State {
    readonly left: readonly number[]
    readonly used: readonly number[]
    readonly displacement: number
    readonly positions: number
    readonly ties: number
  }
  const cheaper = (a: State, b: State) =>
    a.displacement - b.displacement || a.positions - b.positions || a.ties - b.ties
  const start = { left: given.slots.map(({ count }) => count), used: given.containers.map(() => 0) }
  let states = new Map<string, State>([['', { ...start, displacement: 0, positions: 0, ties: 0 }]])
  for (let group = 0; group < groupCount; group += 1) {
    const next = new Map<string, State>()
    const keep = (state: State) => {
      const key = `${state.left}|${state.used}`
      const known = next.get(key)
      if (known === undefined || cheaper(state, known) < 0) next.set(key, state)
    }
    const offers = given.offered.filter((offer) => offer.group === group)
    for (const state of states.values()) {
      keep(state)
      for (const { container } of offers) {
        for (const [slot, { displacement }] of given.slots.entries()) {
          if ((state.left[slot] ?? 0) === 0) continue
          keep({
            left: state.left.with(slot, (state.left[slot] ?? 0) - 1),
            used: state.used.with(container, (state.used[container] ?? 0) + 1),
            displacement: state.displacement + (displacement.get(given.containers[container] as Uuid) ?? 0),
            positions: state.positions + group,
            ties: state.ties + container,
          })
        }
      }
    }
    states = next
  }
  const scores = [...states.values()].map((state): Score => {
    const unfilled = state.left.reduce((sum, count) => sum + count, 0)
    const evenness = state.used.reduce((sum, count) => sum + count * count, 0)
    return [unfilled, state.displacement, evenness, state.positions, state.ties]
  })
  return scores.reduce((best, score) => (compare(score, best) < 0 ? score : best))
}

/**
 * The original's filling (scheduler.md §7.4), as a bound that must be reached: slot groups in order, what is open is
 * carried forward, at most one extra a container, never backwards; what is left over in the end takes anything.
 */
function greedy(given: Case, candidates: RankedCandidates): { picked: number; isPlanned: boolean } {
  const taken = new Set<Uuid>()
  const take = (container: Uuid, wanted: number): number => {
    const free = (candidates.get(container) ?? []).filter(({ exercise }) => !taken.has(exercise.group))
    const chosen = free.slice(0, wanted)
    for (const { exercise } of chosen) taken.add(exercise.group)
    return chosen.length
  }
  let open = 0
  let isPlanned = true
  for (const { count, displacement } of given.slots) {
    open += count
    const own = given.containers.filter((one) => displacement.get(one) === 0 && (candidates.get(one)?.length ?? 0) > 0)
    if (own.length === 0) {
      isPlanned &&= open === 0
      continue
    }
    const each = Math.floor(open / own.length)
    let surplus = open % own.length
    for (const container of own) {
      const picked = take(container, surplus > 0 ? each + 1 : each)
      surplus += each - picked
      open -= picked
    }
    if (open > 0) isPlanned = false
  }
  for (const container of given.containers) open -= take(container, open)
  return { picked: taken.size, isPlanned }
}

describe('allocation (scheduler.md §9.1)', () => {
  it('agrees with exhaustive search on every criterion', () => {
    fc.assert(
      fc.property(cases, (given) => {
        assert.deepEqual(scoreOf(given, allocate(inputOf(given))), exhaustive(given))
      }),
      { numRuns: 300 },
    )
  })

  it('fills min(goal, distinct groups) slots, with exercises of the container, no group twice, no slot over-full', () => {
    fc.assert(
      fc.property(cases, (given) => {
        const input = inputOf(given)
        const picks = allocate(input)
        const groups = new Set(given.offered.map(({ group }) => group))
        assert.equal(picks.length, Math.min(given.goal, groups.size))
        assert.equal(new Set(picks.map(({ exercise }) => exercise.group)).size, picks.length)
        for (const { container, exercise, slot, displacement } of picks) {
          assert.ok(input.candidates.get(container)?.some((one) => one.exercise.uuid === exercise.uuid))
          assert.equal(displacement, given.slots[slot]?.displacement.get(container))
        }
        for (const [at, one] of picks.entries()) {
          const before = picks[at - 1]
          const isSamePlace = before?.slot === one.slot && before.container === one.container
          if (isSamePlace) assert.ok(before.position < one.position)
        }
        for (const [slot, { count }] of given.slots.entries()) {
          assert.ok(picks.filter((pick) => pick.slot === slot).length <= count)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('fills at least as many slots as the greedy original, and all as planned where that could', () => {
    fc.assert(
      fc.property(cases, (given) => {
        const input = inputOf(given)
        const picks = allocate(input)
        const original = greedy(given, input.candidates)
        assert.ok(picks.length >= original.picked)
        if (original.isPlanned) assert.equal(scoreOf(given, picks)[1], 0)
      }),
      { numRuns: 300 },
    )
  })

  it('does not depend on the order of candidate lists', () => {
    fc.assert(
      fc.property(cases, fc.infiniteStream(fc.nat()), (given, noise) => {
        const shuffled = [...given.offered]
          .map((offer) => ({ offer, key: noise.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ offer }) => offer)
        assert.deepEqual(allocate(inputOf({ ...given, offered: shuffled })), allocate(inputOf(given)))
      }),
      { numRuns: 100 },
    )
  })

  it('never fills fewer slots when one more exercise is allowed', () => {
    fc.assert(
      fc.property(cases, fc.nat(3), fc.nat(groupCount - 1), (given, container, group) => {
        const more = {
          ...given,
          offered: [...given.offered, { container: container % given.containers.length, group }],
        }
        assert.ok(allocate(inputOf(more)).length >= allocate(inputOf(given)).length)
      }),
      { numRuns: 100 },
    )
  })

  it('gives a thousand in all, however many each slot group asks for', () => {
    const containers = ids('a', 'b', 'c')
    const offered = (at: number) => Array.from({ length: 700 }, (_, group) => ranked(at * 700 + group))
    const input: AllocationInput = {
      slots: containers.map((container) => ({ count: 700, displacement: new Map([[container, 0]]) })),
      candidates: new Map(containers.map((container, at) => [container, offered(at)])),
      containerOrder: containers,
    }
    const counts = new Map<Uuid, number>()
    for (const { container } of allocate(input)) counts.set(container, (counts.get(container) ?? 0) + 1)
    assert.deepEqual([...counts.values()].sort(), [333, 333, 334])
  })
})
