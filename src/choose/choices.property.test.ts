import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Ecosystem } from '#domain/ecosystem.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Assignment, Exclusions } from '#domain/student.ts'
import { indexEcosystem, poolFor } from './ecosystem-index.ts'
import { studentExclusions } from './exclusions.ts'
import { firstAnswers, type HistoryType, instructorHistory, mappedHistory, studentHistory } from './history.ts'
import { indexMaps } from './mapping.ts'
import { choosePersonalised, personalisedCandidates } from './personalised.ts'
import { Ranking } from './ranking.ts'
import { chooseSpaced, spacedCandidates } from './spaced.ts'
import { assignment, book, day, groupOf, id, now } from './test-book.ts'
import { choosePractice, practiceCandidates, worstAreas } from './worst-areas.ts'

/** A student's world: a book whose pools overlap and hold several versions, earlier work, and a course's exclusions. */
interface World {
  readonly ecosystem: Ecosystem
  readonly work: Assignment
  readonly earlier: readonly Assignment[]
  readonly exclusions: Exclusions
  readonly ranking: readonly Uuid[]
}

const containers = ['A', 'B', 'C', 'D', 'E', 'F']
const versions = Array.from({ length: 14 }, (_, at) => [`x${at}`, `x${at}.v2`]).flat()
const someContainers = fc.uniqueArray(fc.constantFrom(...containers), { maxLength: 3 })
const someExercises = fc.uniqueArray(fc.constantFrom(...versions), { maxLength: 6 })
const goal = fc.option(fc.integer({ min: 0, max: 8 }), { nil: undefined })
const offsetDays = fc.option(fc.integer({ min: -3, max: 3 }), { nil: undefined })

const worlds = fc
  .record({
    pools: fc.array(someExercises, { minLength: containers.length, maxLength: containers.length }),
    work: fc.record({ containers: someContainers, core: someExercises, goalPes: goal, goalSpes: goal }),
    earlier: fc.array(
      fc.record({ containers: someContainers, core: someExercises, due: offsetDays, feedback: offsetDays }),
      { maxLength: 7 },
    ),
    excluded: someExercises,
    ranked: fc.uniqueArray(fc.constantFrom(...versions)),
  })
  .map(({ pools, work, earlier, excluded, ranked }): World => {
    const sketch = containers.map((container, at) => [container, { pool: pools[at] ?? [] }] as const)
    const instant = (days: number | undefined) => (days === undefined ? undefined : now + days * day)
    return {
      ecosystem: book('E1', Object.fromEntries(sketch)),
      work: assignment('work', { ...work, dueAt: now + 4 * day }),
      earlier: earlier.map(({ due, feedback, ...one }, at) =>
        assignment(`earlier${at}`, { ...one, dueAt: instant(due), feedbackAt: instant(feedback) }),
      ),
      exclusions: {
        exercises: new Set(excluded.slice(0, 2).map(id)),
        groups: new Set(excluded.slice(2).map((one) => groupOf(id(one)))),
      },
      ranking: ranked.map(id),
    }
  })

/** All that one student is given: personalised, spaced in both histories, practice. */
function choose({ ecosystem, work, earlier, exclusions: course, ranking: bestFirst }: World) {
  const index = indexEcosystem(ecosystem)
  const assignments = [work, ...earlier]
  const exclusions = studentExclusions({ course, assignments, groupOf, now })
  const ranking = Ranking.of(bestFirst)
  const context = { assignment: work, index, exclusions, groupOf }
  const candidates = personalisedCandidates(context)
  const pes = choosePersonalised({ assignment: work, candidates, ranking, seed: 'seed' })
  const personalised = new Set(pes.picks.map(({ exercise }) => exercise.group))
  const input = { assignments, assignmentType: work.type, firstAnswerAt: firstAnswers([]), now }
  const spaced = (historyType: HistoryType) => {
    const history = historyType === 'student_driven' ? studentHistory(input) : instructorHistory(input)
    const entries = mappedHistory(history, { assignment: work, index, mapping: indexMaps([]), exclusions })
    const offered = spacedCandidates({ ...context, entries, personalised })
    const number = history.numbers.get(work.uuid) ?? 1
    const spes = chooseSpaced({
      assignment: work,
      historyType,
      entries,
      number,
      candidates: offered,
      ranking,
      seed: 'seed',
    })
    return { spes, offered }
  }
  const clue = { minimum: 0, mostLikely: 0.4, maximum: 1, isReal: true }
  const areas = worstAreas(
    index.containers.map((container) => ({ container, clue })),
    index,
  )
  const offered = practiceCandidates({ areas, index, exclusions })
  const practice = choosePractice({ student: id('student'), areas, candidates: offered, ranking, seed: 'seed' })
  return {
    index,
    candidates,
    pes,
    student: spaced('student_driven'),
    instructor: spaced('instructor_driven'),
    practice,
  }
}

type Chosen = ReturnType<typeof choose>

function listsOf({ pes, student, instructor, practice }: Chosen) {
  return [pes.picks, student.spes.picks, instructor.spes.picks, practice.picks]
}

/** Deterministic shuffle by generated keys. */
function permuted<Item>(items: readonly Item[], keys: readonly number[]): Item[] {
  const keyed = items.map((item, at) => ({ item, key: keys[at % keys.length] ?? 0, at }))
  return keyed.sort((a, b) => a.key - b.key || b.at - a.at).map(({ item }) => item)
}

const keys = fc.array(fc.nat(), { minLength: 29, maxLength: 29 })
const runs = { numRuns: 150 }

describe('choices', () => {
  it('never give what is excluded, in open work, or in the assignment itself, in any version', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const open = [world.work, ...world.earlier].filter(
          ({ dueAt, feedbackAt }) => (dueAt ?? now) > now || (feedbackAt ?? now) > now,
        )
        const forbidden = new Set(open.flatMap(({ exercises }) => exercises.map(({ exercise }) => groupOf(exercise))))
        for (const picks of listsOf(choose(world))) {
          for (const { exercise } of picks) {
            assert.ok(!forbidden.has(exercise.group))
            assert.ok(!world.exclusions.exercises.has(exercise.uuid))
            assert.ok(!world.exclusions.groups.has(exercise.group))
          }
        }
      }),
      runs,
    )
  })

  it('never repeat a group, and spaced exercises never repeat a personalised one', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const chosen = choose(world)
        const groupsOf = (picks: Chosen['pes']['picks']) => picks.map(({ exercise }) => exercise.group)
        for (const picks of listsOf(chosen)) assert.equal(new Set(groupsOf(picks)).size, picks.length)
        const pes = new Set(groupsOf(chosen.pes.picks))
        for (const { spes } of [chosen.student, chosen.instructor]) {
          assert.ok(groupsOf(spes.picks).every((group) => !pes.has(group)))
        }
      }),
      runs,
    )
  })

  it('come from the pools of the containers they name', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const chosen = choose(world)
        for (const [at, picks] of listsOf(chosen).entries()) {
          const type = at === 3 ? 'practice' : world.work.type
          for (const { container, exercise } of picks) {
            assert.ok(poolFor(chosen.index, container, type).includes(exercise))
          }
        }
        assert.ok(chosen.pes.picks.every(({ container }) => world.work.containers.includes(container)))
      }),
      runs,
    )
  })

  it('have min(goal, allowed groups) exercises, and say why when that is fewer than the goal', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const { pes, candidates, student, instructor } = choose(world)
        assert.equal(pes.picks.length, Math.min(pes.goal, candidates.groups.length))
        assert.equal(
          pes.shortage === undefined,
          pes.picks.length >= pes.goal && (pes.goal > 0 || world.work.goalPes === 0),
        )
        for (const { spes, offered } of [student, instructor]) {
          assert.equal(spes.picks.length, Math.min(world.work.goalSpes ?? 4, offered.groups.length))
          assert.equal(spes.shortage === undefined, spes.picks.length === spes.goal)
        }
      }),
      runs,
    )
  })

  it('do not depend on the order of containers, pools, exercises and earlier work, nor on duplicates', () => {
    fc.assert(
      fc.property(worlds, keys, (world, order) => {
        const { ecosystem, work, earlier, exclusions } = world
        const shuffled: World = {
          ecosystem: {
            uuid: ecosystem.uuid,
            // Book order says which area comes first among equals, so containers stay where they are.
            containers: ecosystem.containers.map((container) => ({
              ...container,
              pools: container.pools.map((pool) => {
                const exercises = permuted([...pool.exercises, ...pool.exercises], order)
                return { ...pool, exercises }
              }),
            })),
            exercises: permuted(ecosystem.exercises, order),
          },
          work: {
            ...work,
            containers: permuted([...work.containers, ...work.containers], order),
            exercises: permuted(work.exercises, order),
          },
          earlier: permuted(earlier, order),
          exclusions: {
            exercises: new Set(permuted([...exclusions.exercises], order)),
            groups: new Set(permuted([...exclusions.groups], order)),
          },
          ranking: [...world.ranking, ...world.ranking],
        }
        const given = (chosen: Chosen) => listsOf(chosen).map((picks) => picks.map(({ exercise }) => exercise.uuid))
        assert.deepEqual(given(choose(shuffled)), given(choose(world)))
      }),
      runs,
    )
  })
})
