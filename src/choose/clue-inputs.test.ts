import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Uuid } from '#domain/ids.ts'
import type { Answer, Assignment, Exclusions } from '#domain/student.ts'
import { clueInputs, judgedForPool, learnerOf } from './clue-inputs.ts'
import { cluePoolsOf, countingPool, orphanedAnswers } from './clue-pools.ts'
import { indexEcosystem } from './ecosystem-index.ts'
import { nothingExcluded } from './exclusions.ts'
import { closeMaps, indexMaps } from './mapping.ts'
import { answer, assignment, book, day, groupOf, id, ids, minute, nameOf, now } from './test-book.ts'
import { type Audience, assignmentsByTrial, judgeAnswers } from './visible-answers.ts'

const e1 = indexEcosystem(book('E1', { a: { pool: ['x', 'y', 'z'] }, b: { pool: ['w'] } }))
const noMaps = indexMaps([])
const pools = cluePoolsOf(e1, new Map(), noMaps)

interface World {
  readonly answers: readonly Answer[]
  readonly assignments: readonly Assignment[]
  readonly at?: number
  readonly exclusions?: Exclusions
  readonly withholdUntilDue?: boolean
}

function judged(world: World, audience: Audience) {
  return judgeAnswers(world.answers, {
    audience,
    now: world.at ?? now,
    withholdUntilDue: world.withholdUntilDue ?? true,
    assignmentOfTrial: assignmentsByTrial(world.assignments),
    groupOf,
    exclusions: world.exclusions ?? nothingExcluded,
  })
}

/** The CLUE inputs of container `a`, the pool's answers spelt `name:right`. */
function clueOfA(world: World, audience: Audience = 'student') {
  const learner = learnerOf(id('student'), judged(world, audience))
  const exclusions = world.exclusions ?? nothingExcluded
  const inputs = clueInputs({ pools, container: id('a'), exclusions, learners: [learner] })
  const answers = inputs.learners.flatMap((one) => one.answers.filter(({ group }) => inputs.pool.includes(group)))
  const spelt = answers.map(({ group, isCorrect }) => `${nameOf(group)}:${isCorrect}`)
  return { ...inputs, answers: spelt, verdicts: judgedForPool(learner, inputs.pool).map(({ verdict }) => verdict) }
}

describe('what counts for a CLUE (scheduler.md §10)', () => {
  it('18: of two responses to one trial the later counts', () => {
    const answers = [
      answer({ of: 'x', isCorrect: true, respondedAt: now - 2 }),
      answer({ of: 'x', isCorrect: false, respondedAt: now - 1 }),
    ]
    const clue = clueOfA({ answers, assignments: [assignment('A', { core: ['x'] })] })
    assert.deepEqual(clue.answers, ['g:x:false'])
    assert.deepEqual(clue.verdicts, ['superseded', 'counted'])
  })

  it('of two answers of the same instant the one recorded later counts', () => {
    const answers = [
      answer({ of: 'x', isCorrect: true, respondedAt: now }),
      answer({ of: 'x', isCorrect: false, respondedAt: now }),
    ]
    const assignments = [assignment('A', { core: ['x'] })]
    assert.deepEqual(clueOfA({ answers, assignments }).answers, ['g:x:false'])
    assert.deepEqual(clueOfA({ answers: [...answers].reverse(), assignments }).answers, ['g:x:false'])
  })

  it('29: feedback tomorrow withholds from the student but not from the teacher', () => {
    const feedbackAt = now + day
    const world = { answers: [answer({ of: 'x' })], assignments: [assignment('A', { core: ['x'], feedbackAt })] }
    const student = clueOfA(world)
    assert.deepEqual(student.answers, [])
    assert.equal(student.nextVisibleAt, feedbackAt)
    assert.equal(student.isReady, true)
    assert.deepEqual(student.verdicts, ['withheld'])
    const teacher = clueOfA(world, 'teacher')
    assert.deepEqual(teacher.answers, ['g:x:true'])
    assert.equal(teacher.nextVisibleAt, undefined)
    assert.deepEqual(clueOfA({ ...world, at: feedbackAt }).answers, ['g:x:true'])
  })

  it('30 (D22): without feedback time a future due time withholds, unless switched off', () => {
    const dueAt = now + day
    const world = { answers: [answer({ of: 'x' })], assignments: [assignment('A', { core: ['x'], dueAt })] }
    assert.deepEqual(clueOfA(world).answers, [])
    assert.equal(clueOfA(world).nextVisibleAt, dueAt)
    assert.deepEqual(clueOfA({ ...world, withholdUntilDue: false }).answers, ['g:x:true'])
    assert.deepEqual(clueOfA({ ...world, at: dueAt }).answers, ['g:x:true'])
  })

  it('30 (D22): immediate feedback shows although the due time is ahead', () => {
    const assignments = [assignment('A', { core: ['x'], dueAt: now + day, feedbackAt: now - minute })]
    assert.deepEqual(clueOfA({ answers: [answer({ of: 'x' })], assignments }).answers, ['g:x:true'])
  })

  it('31: right in released work, later wrong in hidden work', () => {
    const hidden = id('t:hidden')
    const world = {
      answers: [answer({ of: 'x' }), answer({ of: 'x.v2', trial: hidden, isCorrect: false })],
      assignments: [
        assignment('A', { core: ['x'], feedbackAt: now - day }),
        {
          ...assignment('B', { feedbackAt: now + day }),
          exercises: [{ trial: hidden, exercise: id('x.v2'), isPe: false, isSpe: false }],
        },
      ],
    }
    assert.deepEqual(clueOfA(world).answers, ['g:x:true'])
    assert.equal(clueOfA(world).nextVisibleAt, now + day)
    assert.deepEqual(clueOfA(world, 'teacher').answers, ['g:x:false'])
  })

  it('32: of several hidden answers the next one to appear is announced', () => {
    const assignments = [
      assignment('A', { core: ['x'], feedbackAt: now + day }),
      assignment('B', { core: ['y'], feedbackAt: now + 3 * day }),
    ]
    const world = { answers: [answer({ of: 'y' }), answer({ of: 'x' })], assignments }
    assert.equal(clueOfA(world).nextVisibleAt, now + day)
    const later = clueOfA({ ...world, at: now + day })
    assert.deepEqual(later.answers, ['g:x:true'])
    assert.equal(later.nextVisibleAt, now + 3 * day)
  })

  it('36: without responses there is nothing to show', () => {
    const clue = clueOfA({ answers: [], assignments: [] }, 'teacher')
    assert.equal(clue.isReady, false)
    const nobody = clueInputs({ pools, container: id('a'), exclusions: nothingExcluded, learners: [] })
    assert.deepEqual([nobody.isReady, nobody.learners], [false, []])
  })

  it('37: a response waits for the assignment that its trial belongs to', () => {
    const answers = [answer({ of: 'x' })]
    const before = clueOfA({ answers, assignments: [] })
    assert.deepEqual([before.answers, before.verdicts, before.isReady], [[], ['trial_unknown'], false])
    assert.deepEqual(clueOfA({ answers, assignments: [assignment('A', { core: ['x'] })] }).answers, ['g:x:true'])
  })

  it('leaves out what the course excludes, by exercise and by group (design §6)', () => {
    const world = {
      answers: [answer({ of: 'x' }), answer({ of: 'y' }), answer({ of: 'z' })],
      assignments: [assignment('A', { core: ['x', 'y', 'z'] })],
      exclusions: { exercises: new Set(ids('x')), groups: new Set(ids('g:y')) },
    }
    const clue = clueOfA(world)
    assert.deepEqual(clue.pool.map(nameOf), ['g:z'])
    assert.deepEqual(clue.answers, ['g:z:true'])
    assert.deepEqual(clue.learners[0]?.answers.length, 1)
  })

  it('gives the algorithm all counted answers of the learner and the pool of the container (D21)', () => {
    const world = {
      answers: [answer({ of: 'w' }), answer({ of: 'x' })],
      assignments: [assignment('A', { core: ['w', 'x'] })],
    }
    const clue = clueOfA(world)
    assert.deepEqual(
      clue.learners[0]?.answers.map(({ group }) => nameOf(group)),
      ['g:w', 'g:x'],
    )
    assert.deepEqual(clue.answers, ['g:x:true'])
  })
})

describe('CLUE pools across editions (scheduler.md §10)', () => {
  const earlier = indexEcosystem(book('E1', { a: { pool: ['x', 'y'] }, a2: { pool: ['w'] }, lost: { pool: ['q'] } }))
  const current = indexEcosystem(book('E2', { b: { pool: ['x.v2', 'z'] }, c: { pool: ['v'] } }))
  const pairs = [
    { from: id('a'), to: id('b') },
    { from: id('a2'), to: id('b') },
  ]
  const mapping = indexMaps(closeMaps([{ from: id('E1'), to: id('E2'), pairs }]))
  const indexes = new Map([earlier, current].map((index) => [index.ecosystem, index]))
  const mapped = cluePoolsOf(current, indexes, mapping)

  it('33: the pools of all containers that map to one count for it', () => {
    const pool = mapped.pools.get(id('b'))?.map(({ uuid }) => nameOf(uuid))
    assert.deepEqual(pool, ['x.v2', 'z', 'x', 'y', 'w'])
    assert.deepEqual(mapped.containersOfGroup.get(id('g:y')), [id('b')])
    assert.equal(mapped.pools.has(id('a')), false)
  })

  it('34 [B]: an answer in a container that nothing maps is an orphan', () => {
    const answers = ['q', 'y', 'x'].map((of) => answer({ of }))
    const orphans = orphanedAnswers(answers, { pools: mapped, indexes, mapping, groupOf })
    assert.deepEqual(
      orphans.map(({ exercise }) => nameOf(exercise)),
      ['q'],
    )
    assert.equal(mapped.containersOfGroup.has(id('g:q')), false)
    const here = [answer({ of: 'unknown', ecosystem: id('E2') })]
    assert.deepEqual(orphanedAnswers(here, { pools: mapped, indexes, mapping, groupOf: () => undefined }), [])
  })

  it('courses that exclude a group and courses that exclude the exercise of that uuid have pools of their own', () => {
    const exercises = ['v1', 'v2'].map((name) => ({ uuid: id(name), group: id('v1'), version: 1 }))
    const pools = { ecosystem: id('E1'), pools: new Map([[id('a'), exercises]]), containersOfGroup: new Map() }
    const [group, exercise] = [
      { groups: new Set([id('v1')]), exercises: new Set<Uuid>() },
      { groups: new Set<Uuid>(), exercises: new Set([id('v1')]) },
    ]
    assert.deepEqual(countingPool(pools, id('a'), group).groups, [])
    assert.deepEqual(countingPool(pools, id('a'), exercise).groups, [id('v1')])
  })

  it('35: a pool that is not for CLUEs gives none', () => {
    const pools = [{ clue: false, types: ['reading'], exercises: ['x'] }]
    const only = cluePoolsOf(indexEcosystem(book('E3', { a: { pools } })), new Map(), noMaps)
    assert.equal(only.pools.size, 0)
    assert.equal(only.containersOfGroup.size, 0)
  })

  it('a chapter without a CLUE pool takes in what its pages take in, earlier editions too', () => {
    const chapters = indexEcosystem(
      book('E2', { book: {}, chapter: { parent: 'book' }, b: { parent: 'chapter', pool: ['z'] } }),
    )
    const derived = cluePoolsOf(chapters, indexes, mapping)
    for (const container of ['chapter', 'book']) {
      assert.deepEqual(
        derived.pools.get(id(container))?.map(({ uuid }) => nameOf(uuid)),
        ['z', 'x', 'y', 'w'],
      )
    }
    assert.deepEqual(derived.containersOfGroup.get(id('g:y')), ids('book', 'chapter', 'b'))
    const onlyChapters = [{ from: id('lost'), to: id('chapter') }]
    const byChapter = indexMaps(closeMaps([{ from: id('E1'), to: id('E2'), pairs: onlyChapters }]))
    const fromChapter = cluePoolsOf(chapters, indexes, byChapter).pools.get(id('chapter'))
    assert.deepEqual(fromChapter?.map(({ uuid }) => nameOf(uuid)).sort(), ['q', 'z'])
  })
})
