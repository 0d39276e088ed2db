import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Uuid } from '#domain/ids.ts'
import { allocate, type SlotGroup } from './allocate.ts'
import { gatherCandidates, rankCandidates } from './candidates.ts'
import { demandOf } from './demand.ts'
import { indexEcosystem } from './ecosystem-index.ts'
import { seedOf } from './random.ts'
import { Ranking } from './ranking.ts'
import { book, groupOf, id } from './test-book.ts'

const containers = ['A', 'B', 'C', 'D']
const names = Array.from({ length: 20 }, (_, at) => `x${at}`)

const worlds = fc.record({
  /** Which container each exercise is in; some are in a second one. */
  places: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: names.length, maxLength: names.length }),
  second: fc.option(fc.record({ exercise: fc.nat(19), container: fc.nat(3) }), { nil: undefined }),
  excluded: fc.uniqueArray(fc.constantFrom(...names), { maxLength: 12 }),
  counts: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 3 }),
  displacements: fc.array(fc.option(fc.integer({ min: 0, max: 2 }), { nil: undefined }), {
    minLength: 12,
    maxLength: 12,
  }),
  order: fc.shuffledSubarray(names),
})

test('what is demanded of each container is enough: knowing all of it changes no pick', () => {
  let planned = 0
  fc.assert(
    fc.property(worlds, ({ places, second, excluded, counts, displacements, order }) => {
      const pools = containers.map((_, at) => names.filter((__, exercise) => places[exercise] === at))
      if (second !== undefined) pools[second.container]?.push(names[second.exercise] ?? '')
      const sketch = containers.map((container, at) => [container, { pool: pools[at] ?? [] }] as const)
      const candidates = gatherCandidates({
        index: indexEcosystem(book('E1', Object.fromEntries(sketch))),
        containers: containers.map(id),
        assignmentType: 'reading',
        exclusions: { course: { exercises: new Set(excluded.map(id)), groups: new Set() }, openWork: new Set() },
      })
      const slots = counts.map((count, slot): SlotGroup => {
        const known = containers.flatMap((container, at): [Uuid, number][] => {
          const displacement = displacements[slot * containers.length + at]
          return displacement === undefined ? [] : [[id(container), displacement]]
        })
        return { count, displacement: new Map(known) }
      })
      const allocated = (demand: ReadonlyMap<Uuid, number>) => {
        const ranking = Ranking.of(order.map((name) => groupOf(id(name))))
        const ranked = rankCandidates({ candidates, ranking, seed: seedOf('seed'), demand })
        return allocate({ slots, candidates: ranked, containerOrder: containers.map(id) })
      }
      const demand = demandOf(slots, candidates)
      const goal = counts.reduce((sum, count) => sum + count, 0)
      if (containers.some((container) => (demand.get(id(container)) ?? 0) < goal)) planned += 1
      assert.deepEqual(allocated(demand), allocated(new Map(containers.map((container) => [id(container), goal]))))
    }),
    { numRuns: 2000 },
  )
  assert.ok(planned > 100, `${planned} worlds needed less than everything`)
})
