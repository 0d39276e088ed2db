import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Uuid } from '#domain/ids.ts'
import { gatherCandidates, rankCandidates } from './candidates.ts'
import { indexEcosystem, newestFirst, type PoolExercise, poolFor } from './ecosystem-index.ts'
import { courseExclusion, holds } from './exclusions.ts'
import { seededOrder, seedOf } from './random.ts'
import { Ranking } from './ranking.ts'
import { book, groupOf, id } from './test-book.ts'

const containers = ['A', 'B', 'C']
const versions = Array.from({ length: 8 }, (_, at) => [`x${at}`, `x${at}.v2`]).flat()
const some = fc.uniqueArray(fc.constantFrom(...versions), { maxLength: 6 })
const groupsOf = (names: readonly string[]): Set<Uuid> => new Set(names.map((name) => groupOf(id(name))))

const worlds = fc.record({
  pools: fc.array(fc.uniqueArray(fc.constantFrom(...versions)), { minLength: 3, maxLength: 3 }),
  byExercise: some,
  byGroup: some,
  openWork: some,
  own: some,
  picked: some,
  ranked: fc.array(fc.record({ name: fc.constantFrom(...versions), isGroup: fc.boolean() }), { maxLength: 12 }),
  limit: fc.integer({ min: 0, max: 6 }),
})

function gathered({
  pools,
  byExercise,
  byGroup,
  openWork,
  own,
  picked,
}: typeof worlds extends fc.Arbitrary<infer W> ? W : never) {
  const sketch = containers.map((container, at) => [container, { pool: pools[at] ?? [] }] as const)
  const index = indexEcosystem(book('E1', Object.fromEntries(sketch)))
  const assignmentType = [...index.assignmentPools.keys()][0] ?? ''
  const course = { exercises: new Set(byExercise.map(id)), groups: groupsOf(byGroup) }
  const rules = { exclusions: { course, openWork: groupsOf(openWork) }, own: groupsOf(own), picked: groupsOf(picked) }
  const candidates = gatherCandidates({ ...rules, index, assignmentType, containers: containers.map(id) })
  const mayBeGiven = (exercise: PoolExercise): boolean =>
    courseExclusion(course, exercise.uuid, exercise.group) === undefined &&
    ![rules.exclusions.openWork, rules.own].some((groups) => holds(groups, exercise)) &&
    !rules.picked.has(exercise.group)
  const allowed = containers.map((container) => poolFor(index, id(container), assignmentType).filter(mayBeGiven))
  const offered = containers.map((container) => poolFor(index, id(container), assignmentType))
  return { candidates, allowed, offered }
}

test('candidates are what no rule is against, and the others are named with a reason', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const { candidates, allowed, offered } = gathered(world)
      assert.deepEqual(
        [...candidates.byContainer.values()].map(({ exercises }) => exercises),
        allowed,
      )
      assert.deepEqual(new Set(candidates.groups), new Set(allowed.flat().map(({ group }) => group)))
      assert.equal(candidates.excluded.length, offered.flat().length - allowed.flat().length)
      for (const { exercise } of candidates.excluded) assert.ok(offered.flat().includes(exercise))
      const left = candidates.pools.flat().filter((group) => !candidates.withoutGroups.has(group))
      assert.deepEqual(new Set(left), new Set(candidates.groups))
    }),
    { numRuns: 500 },
  )
})

test('the best of each container are the first of all in order, though nobody puts all in order', () => {
  fc.assert(
    fc.property(worlds, (world) => {
      const { candidates, allowed } = gathered(world)
      const order = world.ranked.map(({ name, isGroup }) => (isGroup ? groupOf(id(name)) : id(name)))
      const seed = seedOf('seed')
      const demand = new Map(containers.map((container) => [id(container), world.limit]))
      const found = rankCandidates({ candidates, ranking: Ranking.of(order), seed, demand })
      const end = order.reduce((last, uuid, at) => (order.indexOf(uuid) === at ? at + 1 : last), 0)
      const unknown = seededOrder(
        seed,
        candidates.groups.filter((group) => !order.includes(group)),
      )
      const positionOf = ({ uuid, group }: PoolExercise): number => {
        const known = order.includes(uuid) ? order.indexOf(uuid) : order.indexOf(group)
        return known === -1 ? end + unknown.indexOf(group) : known
      }
      const wanted = allowed.map((pool) => {
        const sorted = pool.toSorted((a, b) => positionOf(a) - positionOf(b) || newestFirst(a, b))
        const first = sorted.filter(({ group }, at) => sorted.findIndex((other) => other.group === group) === at)
        return first.slice(0, world.limit).map((exercise) => [exercise.uuid, positionOf(exercise)])
      })
      const best = [...found.values()].map((list) => list.map(({ exercise, position }) => [exercise.uuid, position]))
      assert.deepEqual(best, wanted)
    }),
    { numRuns: 1000 },
  )
})

test('an order is read no further than the lists need', () => {
  const sketch = { A: { pool: ['x1', 'x2', 'x3', 'x4'] }, B: { pool: ['x5', 'x6'] } }
  const index = indexEcosystem(book('E1', sketch))
  const course = { exercises: new Set<Uuid>(), groups: groupsOf(['x5']) }
  const exclusions = { course, openWork: new Set<Uuid>() }
  const assignmentType = [...index.assignmentPools.keys()][0] ?? ''
  const candidates = gatherCandidates({ index, containers: [id('A'), id('B')], assignmentType, exclusions })
  const read: string[] = []
  function* order() {
    for (const name of ['x2', 'x6', 'x1', 'x3', 'x4', 'x5']) {
      read.push(name)
      yield groupOf(id(name))
    }
  }
  const demand = new Map([
    [id('A'), 2],
    [id('B'), 2],
  ])
  rankCandidates({ candidates, ranking: Ranking.ofGroups(order()), seed: seedOf('seed'), demand })
  assert.deepEqual(read, ['x2', 'x6', 'x1'])
})
