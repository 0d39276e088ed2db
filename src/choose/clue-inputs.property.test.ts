import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Uuid } from '#domain/ids.ts'
import type { Answer, Assignment } from '#domain/student.ts'
import { clueInputs, type LearnerInputs, learnerOf } from './clue-inputs.ts'
import { cluePoolsOf } from './clue-pools.ts'
import { indexEcosystem } from './ecosystem-index.ts'
import { indexMaps } from './mapping.ts'
import { answer, assignment, book, day, groupOf, id, ids, now } from './test-book.ts'
import { type Audience, assignmentsByTrial, judgeAnswers } from './visible-answers.ts'

const exercises = ['x1', 'x1.v2', 'x2', 'x3', 'x4', 'x4.v2', 'y1', 'y2']
const index = indexEcosystem(
  book('E1', {
    chapter: {},
    a: { parent: 'chapter', pool: exercises.slice(0, 6) },
    b: { parent: 'chapter', pool: exercises.slice(6) },
  }),
)
const pools = cluePoolsOf(index, new Map(), indexMaps([]))
const exclusions = { exercises: new Set(ids('x3')), groups: new Set<Uuid>() }

interface World {
  readonly answers: readonly Answer[]
  readonly assignments: readonly Assignment[]
}

const offsetDays = fc.option(fc.integer({ min: -2, max: 2 }), { nil: undefined })

/** Assignments with and without dates, each exercise in up to one of them, and answers in any order of time. */
const worlds = fc
  .record({
    dates: fc.array(fc.record({ due: offsetDays, feedback: offsetDays }), { minLength: 1, maxLength: 4 }),
    answers: fc.array(
      fc.record({
        at: fc.nat(3),
        of: fc.constantFrom(...exercises),
        isCorrect: fc.boolean(),
        minutes: fc.integer({ min: 0, max: 20 }),
      }),
      { maxLength: 25 },
    ),
  })
  .map(({ dates, answers }): World => {
    const instant = (days: number | undefined) => (days === undefined ? undefined : now + days * day)
    const assignments = dates.map(({ due, feedback }, at) => ({
      ...assignment(`A${at}`, { dueAt: instant(due), feedbackAt: instant(feedback) }),
      exercises: exercises.map((one) => ({ trial: id(`${at}:${one}`), exercise: id(one), isPe: false, isSpe: false })),
    }))
    return {
      assignments,
      answers: answers.map(({ at, of, isCorrect, minutes }) =>
        answer({ of, trial: id(`${at}:${of}`), isCorrect, respondedAt: now - minutes }),
      ),
    }
  })

/** Counted answers also know where they come from. */
function asAlgorithmsSee({ student, answers }: LearnerInputs): LearnerInputs {
  return { student, answers: answers.map(({ group, isCorrect }) => ({ group, isCorrect })) }
}

function inputs(world: World, audience: Audience) {
  const judged = judgeAnswers(world.answers, {
    audience,
    now,
    withholdUntilDue: true,
    assignmentOfTrial: assignmentsByTrial(world.assignments),
    groupOf,
    exclusions,
  })
  const learners = [learnerOf(id('student'), judged)]
  const asked = ids('chapter', 'a', 'b').map((container) => {
    const rests = clueInputs({ pools, container, exclusions, learners })
    return { ...rests, learners: rests.learners.map(asAlgorithmsSee) }
  })
  return { judged, asked, shown: asked.map(({ pool, learners, isCounted }) => ({ pool, learners, isCounted })) }
}

function isReleased({ dueAt, feedbackAt }: Assignment): boolean {
  return (feedbackAt ?? dueAt ?? now) <= now
}

describe('what a CLUE rests on', () => {
  it('for the student, does not depend on answers whose feedback is unreleased', () => {
    fc.assert(
      fc.property(worlds, fc.boolean(), (world, isKept) => {
        const byTrial = assignmentsByTrial(world.assignments)
        const hidden = world.answers.filter((one) => {
          const work = byTrial.get(one.trial)
          return work !== undefined && !isReleased(work)
        })
        const flipped = isKept ? hidden.map((one) => ({ ...one, isCorrect: !one.isCorrect, respondedAt: now })) : []
        const answers = [...world.answers.filter((one) => !hidden.includes(one)), ...flipped]
        assert.deepEqual(inputs({ ...world, answers }, 'student').shown, inputs(world, 'student').shown)
      }),
    )
  })

  it('does not depend on the order of answers and assignments, nor on duplicates', () => {
    fc.assert(
      fc.property(worlds, fc.constantFrom<Audience>('student', 'teacher'), (world, audience) => {
        const again = {
          answers: [...world.answers, ...world.answers].reverse(),
          assignments: [...world.assignments, ...world.assignments].reverse(),
        }
        assert.deepEqual(inputs(again, audience), inputs(world, audience))
      }),
    )
  })

  it('does not depend on how responses and assignments are called', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const renamed = {
          answers: world.answers.map((one) => ({ ...one, response: id(`other ${one.number}`) })),
          assignments: world.assignments.map((one, at) => ({ ...one, uuid: id(`other ${at}`) })),
        }
        assert.deepEqual(inputs(renamed, 'student').asked, inputs(world, 'student').asked)
      }),
    )
  })

  it('gives every answer one verdict, one counted answer a group, and announces the next that appears', () => {
    fc.assert(
      fc.property(worlds, fc.constantFrom<Audience>('student', 'teacher'), (world, audience) => {
        const { judged } = inputs(world, audience)
        assert.equal(judged.judged.length, world.answers.length)
        const counted = judged.judged.filter(({ verdict }) => verdict === 'counted')
        assert.equal(new Set(counted.map(({ group }) => group)).size, counted.length)
        assert.deepEqual(
          new Set(counted.map(({ answer: one }) => one)),
          new Set(judged.counted.list.map((one) => one.answer)),
        )
        for (const { answer: one, group, verdict } of judged.judged) {
          if (verdict !== 'superseded' || group === undefined) continue
          assert.ok((judged.counted.get(group)?.respondedAt ?? 0) >= one.respondedAt)
        }
        for (const { visibleAt, verdict } of judged.judged)
          assert.equal(visibleAt !== undefined, verdict === 'withheld')
        const next = Math.min(...judged.withheld.values())
        const before = judged.withheld.size > 0 ? judged.judged.map(({ visibleAt }) => visibleAt ?? next) : []
        assert.ok(before.every((visibleAt) => visibleAt > now && visibleAt >= next))
      }),
    )
  })
})
