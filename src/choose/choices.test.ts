import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Uuid } from '#domain/ids.ts'
import type { Assignment, Exclusions } from '#domain/student.ts'
import { indexEcosystem } from './ecosystem-index.ts'
import { nothingExcluded, studentExclusions } from './exclusions.ts'
import { assignedPes, assignedSpes, needOfPes, needOfSpes } from './need.ts'
import { choosePersonalised, personalisedCandidates } from './personalised.ts'
import { Ranking } from './ranking.ts'
import { chooseSpaced, type Fallback, spacedCandidates, spacedReport } from './spaced.ts'
import { assignment, book, day, groupName, groupOf, id, ids, nameOf, now, numbered } from './test-book.ts'
import { type Area, choosePractice, practiceCandidates, worstAreas } from './worst-areas.ts'

type Sizes = Readonly<Record<string, number>>

function bookOf(sizes: Sizes) {
  const pools = Object.entries(sizes).map(([name, size]) => [name, { pool: numbered(name, size) }] as const)
  return indexEcosystem(book('E1', Object.fromEntries(pools)))
}

/** Container of an exercise spelt `a1`. */
const containerOf = (exercise: string) => groupName(exercise).replace(/\d+$/, '')

/** `a2 b1` for two from a and one from b. */
function shares(exercises: readonly Uuid[]): string {
  const counts = new Map<string, number>()
  for (const exercise of exercises) {
    const container = containerOf(nameOf(exercise))
    counts.set(container, (counts.get(container) ?? 0) + 1)
  }
  return [...counts]
    .map(([container, count]) => `${container}${count}`)
    .sort()
    .join(' ')
}

interface PeWorld {
  readonly sizes: Sizes
  readonly goal?: number | undefined
  readonly order?: readonly string[]
  readonly exclusions?: Exclusions
  readonly own?: readonly string[]
  readonly others?: readonly Assignment[]
  readonly seed?: string
}

function pes(world: PeWorld) {
  const work = assignment('A', {
    containers: Object.keys(world.sizes),
    core: world.own ?? [],
    goalPes: world.goal,
    dueAt: now - day,
  })
  const course = world.exclusions ?? nothingExcluded
  const exclusions = studentExclusions({ course, assignments: [work, ...(world.others ?? [])], groupOf, now })
  const context = { assignment: work, index: bookOf(world.sizes), exclusions, groupOf }
  const candidates = personalisedCandidates(context)
  const ranking = Ranking.of((world.order ?? []).map(id))
  return choosePersonalised({ assignment: work, candidates, ranking, seed: world.seed ?? 'seed' })
}

describe('personalised exercises (scheduler.md §10)', () => {
  it('43: goal 5 over two containers is three and two', () => {
    assert.match(shares(pes({ sizes: { a: 9, b: 9 }, goal: 5 }).exercises), /^(a3 b2|a2 b3)$/)
  })

  it('44 [B]: without a goal three per container, a short one made up for by the other', () => {
    const seeds = numbered('seed', 10)
    for (const seed of seeds) assert.equal(shares(pes({ sizes: { a: 1, b: 9 }, seed }).exercises), 'a1 b5')
  })

  it('45 [B]: a container all of whose exercises are in this assignment takes nothing from the others', () => {
    const own = numbered('c', 4)
    for (const seed of numbered('seed', 10)) {
      const choice = pes({ sizes: { a: 9, b: 9, c: 4 }, goal: 6, own, seed })
      assert.equal(shares(choice.exercises), 'a3 b3')
    }
  })

  it('46: a container that is fully excluded is left out', () => {
    const exclusions = { ...nothingExcluded, groups: new Set(numbered('a', 9).map((name) => id(`g:${name}`))) }
    assert.equal(shares(pes({ sizes: { a: 9, b: 9 }, goal: 4, exclusions }).exercises), 'b4')
  })

  it('47: goal 1 is one from either', () => {
    assert.match(shares(pes({ sizes: { a: 9, b: 9 }, goal: 1 }).exercises), /^(a1|b1)$/)
    const seen = new Set(
      numbered('seed', 20).map((seed) => shares(pes({ sizes: { a: 9, b: 9 }, goal: 1, seed }).exercises)),
    )
    assert.equal(seen.size, 2)
  })

  it('48: nothing is chosen for goal 0, and the assigned ones stay (D23)', () => {
    assert.equal(needOfPes(assignment('A', { goalPes: 0 })), 'nothing')
    assert.equal(needOfPes(assignment('A', { pesAreAssigned: true })), 'assigned')
    assert.equal(needOfSpes(assignment('A', { goalSpes: 0 })), 'nothing')
    assert.equal(needOfSpes(assignment('A', { spesAreAssigned: true, goalSpes: 3 })), 'assigned')
    assert.equal(needOfPes(assignment('A')), 'choose')
    const assigned = assignment('A', { core: ['c'], pes: ['p2', 'p1'], spes: ['s', 's'] })
    assert.deepEqual([assignedPes(assigned), assignedSpes(assigned)], [ids('p2', 'p1'), ids('s')])
    assert.deepEqual(pes({ sizes: { a: 9 }, goal: 0 }).exercises, [])
  })

  it('49: without exercises the list is empty and says why', () => {
    const choice = pes({ sizes: { a: 0, b: 0 }, goal: 2 })
    assert.deepEqual(choice.exercises, [])
    assert.equal(choice.shortage?.reason, 'no_pool')
    assert.equal(pes({ sizes: {}, goal: 2 }).shortage?.reason, 'no_container')
  })

  it('50: the first allowed of the order is taken', () => {
    const others = [assignment('open', { core: ['a3'], dueAt: now + day })]
    const choice = pes({ sizes: { a: 3 }, goal: 1, order: ['a3', 'a1', 'a2'], others })
    assert.deepEqual(choice.exercises.map(nameOf), ['a1'])
  })

  it('51: no version of an exercise in open work is chosen', () => {
    const others = [assignment('open', { core: ['a1.v2'], feedbackAt: now + day })]
    const choice = pes({ sizes: { a: 1 }, goal: 1, order: ['a1'], others })
    assert.deepEqual(choice.exercises, [])
    assert.deepEqual(choice.shortage, { reason: 'excluded', goal: 1, chosen: 0, excluded: { open_work: 1 } })
  })

  it('77 [B]: an exclusion changes the next choice', () => {
    const world = { sizes: { a: 3 }, goal: 2, order: numbered('a', 3) }
    assert.deepEqual(pes(world).exercises.map(nameOf), ['a1', 'a2'])
    const exclusions = { ...nothingExcluded, exercises: new Set(ids('a1')) }
    assert.deepEqual(pes({ ...world, exclusions }).exercises.map(nameOf), ['a2', 'a3'])
  })

  it('78 [B]: a deleted assignment needs nothing', () => {
    const gone = assignment('A', { isDeleted: true, goalPes: 3, goalSpes: 3 })
    assert.deepEqual([needOfPes(gone), needOfSpes(gone)], ['nothing', 'nothing'])
  })

  it('exercises that the ranking does not know come last, in an order of the seed', () => {
    const orders = numbered('seed', 5).map((seed) => pes({ sizes: { a: 6 }, goal: 6, order: ['a4'], seed }).exercises)
    for (const order of orders) assert.equal(order[0], id('a4'))
    assert.ok(new Set(orders.map(String)).size > 1)
  })

  it('a ranking of groups orders all versions, the newest of a group is given', () => {
    const index = indexEcosystem(book('E1', { a: { pool: ['x', 'x.v3', 'x.v2', 'y'] } }))
    const work = assignment('A', { containers: ['a'], goalPes: 2 })
    const exclusions = studentExclusions({ course: nothingExcluded, assignments: [], groupOf, now })
    const candidates = personalisedCandidates({ assignment: work, index, exclusions, groupOf })
    const given = (bestFirst: readonly string[]) =>
      choosePersonalised({ assignment: work, candidates, ranking: Ranking.of(bestFirst.map(id)), seed: 'seed' })
    assert.deepEqual(given(['g:y', 'g:x']).exercises.map(nameOf), ['y', 'x.v3'])
    assert.deepEqual(given(['g:x', 'g:y', 'g:x']).exercises.map(nameOf), ['x.v3', 'y'])
    assert.deepEqual(given(['x.v2', 'y', 'x']).exercises.map(nameOf), ['x.v2', 'y'])
    const ranks = given(['g:y']).picks.map(({ position, isRanked }) => [position, isRanked])
    assert.deepEqual(ranks, [
      [0, true],
      [1, false],
    ])
  })

  it('what was drawn at random stays when an exercise that was not chosen goes away', () => {
    const sizes = { a: 9, b: 9 }
    const before = pes({ sizes, goal: 5 }).exercises
    const others = Object.entries(sizes)
      .flatMap(([name, size]) => numbered(name, size).map(id))
      .filter((one) => !before.includes(one))
    assert.equal(others.length, 13)
    for (const gone of others) {
      const exclusions = { ...nothingExcluded, exercises: new Set([gone]) }
      assert.deepEqual(pes({ sizes, goal: 5, exclusions }).exercises, before)
    }
  })
})

interface SpeWorld {
  readonly sizes: Sizes
  /** Containers at k = 0, 1, 2, …; undefined where there is no such assignment. */
  readonly history: readonly (readonly string[] | undefined)[]
  readonly goal?: number | undefined
  readonly number?: number
  readonly instructor?: boolean
  readonly used?: readonly string[]
  readonly pes?: readonly string[]
  readonly fallback?: Fallback
}

function spes(world: SpeWorld) {
  const containers = world.history[0] ?? []
  const work = assignment('A', { containers, core: world.used ?? [], goalSpes: world.goal })
  const entries = Array.from({ length: 6 }, (_, k) => ({
    assignment: world.history[k] && (k === 0 ? work.uuid : id(`k${k}`)),
    containers: (world.history[k] ?? []).map(id),
  }))
  const exclusions = studentExclusions({ course: nothingExcluded, assignments: [], groupOf, now })
  const personalised = new Set((world.pes ?? []).map((one) => groupOf(id(one))))
  const index = bookOf(world.sizes)
  const candidates = spacedCandidates({ assignment: work, index, exclusions, groupOf, entries, personalised })
  return chooseSpaced({
    assignment: work,
    historyType: world.instructor ? 'instructor_driven' : 'student_driven',
    entries,
    number: world.number ?? 1,
    candidates,
    ranking: Ranking.of([]),
    seed: 'seed',
    ...(world.fallback && { fallback: world.fallback }),
  })
}

/** `a@1` for an exercise of a at 1-ago, `b@2?` when it was drawn at random. */
function places(world: SpeWorld): string[] {
  return spes(world).picks.map(
    ({ container, kAgo, isRandomAgo }) => `${nameOf(container)}@${kAgo}${isRandomAgo ? '?' : ''}`,
  )
}

const four = { o: 9, a: 9, b: 9, c: 9, d: 9 }
const fourBack = [['o'], ['a'], ['b'], ['c'], ['d']]

describe('spaced exercises (scheduler.md §10, amended by D29)', () => {
  it('52: the first assignment practises its own containers, evenly', () => {
    const choice = spes({ sizes: { o: 9, q: 9 }, history: [['o', 'q']] })
    assert.equal(shares(choice.exercises), 'o2 q2')
    assert.ok(choice.picks.every(({ kAgo, isRandomAgo }) => kAgo === 0 && !isRandomAgo))
  })

  it('53: a slot without its k-ago goes to another spaced container, the last one is drawn at random', () => {
    const [first, second, third, last, ...more] = places({ sizes: four, history: fourBack, goal: 4, number: 5 })
    assert.deepEqual([first, second, more], ['a@1', 'c@3', []])
    assert.match(String(third), /^(a@1|b@2|c@3|d@4)$/)
    assert.match(String(last), /^(b@2|d@4)\?$/)
  })

  it('54: the same, instructor-driven, ends with one of its own', () => {
    const [first, second, third, last] = places({
      sizes: four,
      history: fourBack,
      goal: 4,
      number: 5,
      instructor: true,
    })
    assert.deepEqual([first, second, last], ['a@1', 'c@3', 'o@0'])
    assert.match(String(third), /^(a@1|b@2|c@3|d@4)$/)
  })

  it('55: before the fifth assignment nothing is drawn at random', () => {
    const picked = places({ sizes: four, history: fourBack, goal: 4, number: 4 })
    assert.equal(picked.at(-1), 'o@0')
    assert.ok(!picked.join().includes('?'))
  })

  it('56: goal 2 is one from 1-ago and one at random from the others', () => {
    const [first, second, ...more] = places({
      sizes: { ...four, e: 9 },
      history: [...fourBack, ['e']],
      goal: 2,
      number: 6,
    })
    assert.deepEqual([first, more], ['a@1', []])
    assert.match(String(second), /^(b@2|c@3|d@4|e@5)\?$/)
  })

  it('57: what is missing comes from spaced containers before the assigned ones', () => {
    const world: SpeWorld = { sizes: four, history: [['o'], ['a', 'b'], undefined, ['c']], goal: 5, number: 4 }
    const picked = places(world)
    assert.deepEqual([...picked].slice(0, 2).sort(), ['a@1', 'b@1'])
    assert.equal(picked[2], 'c@3')
    assert.match(String(picked[3]), /^(a@1|b@1|c@3)$/)
    assert.deepEqual(picked.slice(4), ['o@0'])
    assert.equal(shares(spes({ ...world, fallback: 'personalised_first' }).exercises), 'a1 b1 c1 o2')
  })

  it('58 [B]: with the assigned containers used up, all come from the one spaced container', () => {
    const world = { sizes: { o: 2, p: 5 }, history: [['o'], ['p']], goal: 3, used: ['o1', 'o2'] }
    assert.deepEqual(places(world), ['p@1', 'p@1', 'p@1'])
  })

  it('59 [B]: a slot whose containers count elsewhere is filled from another spaced container first', () => {
    const picked = places({ sizes: { o: 9, p: 9, q: 9 }, history: [['o'], ['p'], ['q'], []], goal: 3, number: 4 })
    assert.equal(picked[0], 'p@1')
    assert.match(String(picked[1]), /^(p@1|q@2)$/)
    assert.deepEqual(picked.slice(2), ['o@0'])
  })

  it('never repeats a personalised exercise, in any version', () => {
    const choice = spes({ sizes: { o: 4, p: 2 }, history: [['o'], ['p']], goal: 9, pes: ['o1.v2', 'p1'] })
    assert.equal(shares(choice.exercises), 'o3 p1')
    assert.deepEqual(choice.shortage, { reason: 'pool_too_small', goal: 9, chosen: 4, excluded: { already_picked: 2 } })
  })

  it('a slot drawn at random that finds nothing there is filled from elsewhere and says so', () => {
    const picked = places({ sizes: { o: 9, a: 9, c: 9 }, history: [['o'], ['a'], [], ['c']], goal: 4, number: 5 })
    assert.deepEqual(picked.length, 4)
    assert.deepEqual(
      picked.filter((place) => place.includes('?') || place.startsWith('o')),
      [],
    )
  })

  it('within a slot what was planned comes before what replaces it', () => {
    for (const name of ['m', 'n', 'p', 'q', 'r', 's']) {
      const picked = places({ sizes: { [name]: 1, b: 9, o: 9 }, history: [['o'], [name], ['b']], goal: 5 })
      assert.deepEqual(picked.slice(0, 2), [`${name}@1`, 'b@2'])
    }
  })

  it('a container that stands in the history twice counts at its most recent place', () => {
    assert.equal(places({ sizes: { o: 9, p: 9 }, history: [['o'], ['p'], [], ['p']], goal: 2 })[0], 'p@1')
  })

  it('61: reports the history and where each exercise comes from', () => {
    const choice = spes({ sizes: four, history: fourBack, goal: 2, number: 5 })
    const report = spacedReport(choice, 'homework', 'biglearn_sparfa')
    assert.equal(report.history_type, 'student_driven')
    assert.equal(report.exercise_algorithm_name, 'biglearn_sparfa')
    assert.deepEqual(Object.keys(report.assignment_history), ['0', '1', '2', '3', '4', '5'])
    assert.deepEqual(report.assignment_history['1'], { assignment_uuid: id('k1'), book_container_uuids: ids('a') })
    assert.deepEqual(report.assignment_history['5'], { assignment_uuid: null, book_container_uuids: [] })
    const [first, second] = choice.exercises.map((exercise) => report.exercises[exercise])
    assert.deepEqual(first, { k_ago: 1, is_random_ago: false })
    assert.equal(second?.is_random_ago, true)
    assert.ok([2, 3, 4].includes(second?.k_ago ?? 0))
  })
})

describe('worst areas (scheduler.md §10)', () => {
  /** Areas worst first, as many exercises as `sizes` says, ranked in the order of their names. */
  function practice(sizes: Sizes, areas: readonly Area[] = areasOf(Object.keys(sizes))) {
    const index = bookOf(sizes)
    const exclusions = studentExclusions({ course: nothingExcluded, assignments: [], groupOf, now })
    const worst = worstAreas(areas, index)
    const candidates = practiceCandidates({ areas: worst, index, exclusions })
    const ranking = Ranking.of(Object.entries(sizes).flatMap(([name, size]) => numbered(name, size).map(id)))
    const choice = choosePractice({ student: id('student'), areas: worst, candidates, ranking, seed: 'seed' })
    return { ...choice, names: choice.exercises.map(nameOf).join(' ') }
  }

  function areasOf(names: readonly string[]): Area[] {
    return names.map((name, at) => area(name, (at + 1) / 100))
  }

  function area(name: string, mostLikely: number, isReal = true): Area {
    return { container: id(name), clue: { minimum: 0, mostLikely, maximum: 1, isReal } }
  }

  it('64: two, two and one of the three worst', () => {
    assert.equal(practice({ a: 2, b: 5, c: 2 }).names, 'a1 a2 b1 b2 c1')
  })

  it('65: what the worst lacks comes from the next', () => {
    assert.equal(practice({ a: 1, b: 5, c: 2 }).names, 'a1 b1 b2 b3 c1')
  })

  it('two areas share three and two', () => {
    assert.equal(practice({ a: 9, b: 9 }).names, 'a1 a2 a3 b1 b2')
  })

  it('what an area lacks comes from the nearest in rank, on either side', () => {
    assert.equal(practice({ a: 9, b: 0, c: 9 }).names, 'a1 a2 a3 c1 c2')
  })

  it('66: four areas of which two have exercises', () => {
    const choice = practice({ a: 0, b: 1, c: 3, d: 0 })
    assert.equal(choice.names, 'b1 c1 c2 c3')
    assert.deepEqual(choice.shortage, { reason: 'pool_too_small', goal: 5, chosen: 4, excluded: {} })
  })

  it('67: without a CLUE nothing, with the first five from its container', () => {
    const none = practice({ a: 9 }, [])
    assert.deepEqual([none.exercises, none.shortage?.reason], [[], 'no_container'])
    assert.equal(practice({ a: 9 }).names, 'a1 a2 a3 a4 a5')
  })

  it('[B]: areas beyond the fifth help out', () => {
    assert.equal(practice({ a: 1, b: 1, c: 0, d: 1, e: 1, f: 2, g: 9 }).names, 'a1 b1 d1 e1 f1')
  })

  it('[B]: only this edition, real CLUEs first, pages before chapters', () => {
    const sketch = {
      chapter: { pool: ['a1', 'b1'] },
      a: { parent: 'chapter', pool: ['a1'] },
      b: { parent: 'chapter', pool: ['b1'] },
    }
    const index = indexEcosystem(book('E1', sketch))
    const areas = [area('b', 0.5, false), area('chapter', 0.1), area('a', 0.7), area('elsewhere', 0)]
    assert.deepEqual(
      worstAreas(areas, index).map(({ container }) => nameOf(container)),
      ['a', 'b'],
    )
    assert.deepEqual(
      worstAreas([area('chapter', 0.1), area('elsewhere', 0)], index).map(({ container }) => nameOf(container)),
      ['chapter'],
    )
  })
})
