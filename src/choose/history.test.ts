import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Answer, Assignment, Instant } from '#domain/student.ts'
import { indexEcosystem } from './ecosystem-index.ts'
import { nothingExcluded, studentExclusions } from './exclusions.ts'
import {
  assignmentsBefore,
  dealtWithAt,
  firstAnswers,
  instructorHistory,
  mappedHistory,
  type NumberedHistory,
  studentHistory,
} from './history.ts'
import { closeMaps, indexMaps } from './mapping.ts'
import { answer, assignment, book, day, groupOf, id, minute, nameOf, now } from './test-book.ts'

function dealt(work: Assignment, answers: readonly Answer[], at: Instant = now): Instant | undefined {
  return dealtWithAt(work, firstAnswers(answers), at)
}

function histories(assignments: readonly Assignment[], answers: readonly Answer[] = [], at: Instant = now) {
  const input = { assignments, assignmentType: 'homework', firstAnswerAt: firstAnswers(answers), now: at }
  return { instructor: instructorHistory(input), student: studentHistory(input) }
}

function numbersOf(history: NumberedHistory, names: readonly string[]) {
  return names.map((name) => history.numbers.get(id(name)))
}

describe('when an assignment was dealt with (scheduler.md §10)', () => {
  const dueAt = now + day

  it('17: a changed answer leaves the time of the first one', () => {
    const answers = [answer({ of: 'c', respondedAt: now - 10 }), answer({ of: 'c', respondedAt: now - 5 })]
    assert.equal(dealt(assignment('A', { core: ['c'], dueAt }), answers), now - 10)
  })

  it('39: spaced exercises do not hold it up', () => {
    const work = assignment('A', { core: ['c1', 'c2'], pes: ['p1'], spes: ['s1'], dueAt })
    const answers = ['c1', 'p1', 'c2'].map((of, at) => answer({ of, respondedAt: now - 10 * minute + at }))
    assert.equal(dealt(work, answers), now - 10 * minute + 2)
    assert.equal(dealt(work, answers.slice(1)), undefined)
  })

  it('40: late work is not complete and counts from the due time', () => {
    const work = assignment('A', { core: ['c1', 'c2'], dueAt })
    const answers = [answer({ of: 'c1', respondedAt: now }), answer({ of: 'c2', respondedAt: dueAt + 1 })]
    assert.equal(dealt(work, answers, dueAt - 1), undefined)
    assert.equal(dealt(work, answers, dueAt + 2), dueAt)
    assert.equal(dealt(work, [], dueAt), dueAt)
  })

  it('41 [B]: without a due time the answers suffice', () => {
    const work = assignment('A', { core: ['c'] })
    assert.equal(dealt(work, []), undefined)
    assert.equal(dealt(work, [answer({ of: 'c', respondedAt: now - 3 })]), now - 3)
  })

  it('an assignment of spaced exercises only waits for its due time', () => {
    const work = assignment('A', { spes: ['s'], dueAt })
    assert.equal(dealt(work, [answer({ of: 's', respondedAt: now })]), undefined)
    assert.equal(dealt(work, [], dueAt), dueAt)
  })
})

describe('numbers of assignments (scheduler.md §10)', () => {
  it('42: eight assignments in the two orders', () => {
    const done = (name: string, opensAt: Instant) => assignment(name, { core: [name], opensAt, dueAt: now - day })
    const assignments = [
      done('#1', now - 3 * day),
      done('#2', now - 3 * day),
      done('#3', now - 2 * day),
      done('#4', now - 2 * day),
      ...['#5', '#6', '#7', '#8'].map((name) => assignment(name, { core: [name], dueAt: now + 1 })),
      assignment('gone', { isDeleted: true, dueAt: now - day }),
      assignment('reading', { type: 'reading', dueAt: now - day }),
    ]
    const early = ['#3', '#4'].map((of) => answer({ of, respondedAt: now - 2 * day }))
    const { instructor, student } = histories([...assignments].reverse(), early)
    const names = ['#1', '#2', '#3', '#4', '#5', '#6', '#7', '#8', 'gone', 'reading']
    assert.deepEqual(numbersOf(instructor, names), [1, 2, 3, 4, 5, 6, 7, 8, undefined, undefined])
    assert.deepEqual(numbersOf(student, names), [3, 4, 1, 2, 5, 5, 5, 5, undefined, undefined])
    const fifth = assignments[6]
    assert.ok(fifth)
    assert.deepEqual(
      assignmentsBefore(student, fifth).map(({ uuid }) => nameOf(uuid)),
      ['#2', '#1', '#4', '#3'],
    )
    assert.deepEqual(
      assignmentsBefore(instructor, fifth).map(({ uuid }) => nameOf(uuid)),
      ['#6', '#5', '#4', '#3', '#2'],
    )
  })

  it('D28: walking back skips what opens later, and the numbers still count it', () => {
    const [first, later, last] = [
      assignment('first', { opensAt: now - 3 * day, dueAt: now + day }),
      assignment('later', { opensAt: now + day, dueAt: now + 2 * day }),
      assignment('last', { opensAt: now - day, dueAt: now + 3 * day }),
    ]
    const { instructor } = histories([first, later, last])
    assert.deepEqual(numbersOf(instructor, ['first', 'later', 'last']), [1, 2, 3])
    assert.deepEqual(
      assignmentsBefore(instructor, last).map(({ uuid }) => nameOf(uuid)),
      ['first'],
    )
  })

  it('D28: what opens at the same time is not later', () => {
    const opensAt = now - day
    const [first, second] = [assignment('first', { opensAt }), assignment('second', { opensAt })]
    const { instructor } = histories([first, second])
    assert.deepEqual(assignmentsBefore(instructor, second), [first])
  })

  it('the due time comes before the opening, the opening before the creation', () => {
    const dueAt = now + day
    const names = histories([
      assignment('c', { dueAt, opensAt: now, createdAt: 1 }),
      assignment('b', { dueAt, opensAt: now - day, createdAt: 3, firstNumber: 1 }),
      assignment('a', { dueAt, opensAt: now - day, createdAt: 2, firstNumber: 2 }),
      assignment('e', { opensAt: now - day, createdAt: 0 }),
      assignment('d', { dueAt, createdAt: 0 }),
    ]).instructor.ordered.map(({ uuid }) => nameOf(uuid))
    assert.deepEqual(names, ['a', 'b', 'c', 'd', 'e'])
  })

  it('ties are broken by creation, then by the first event, then by uuid', () => {
    const same = { createdAt: now, firstNumber: 7, dueAt: now + day }
    const [b, a, c] = [assignment('b', same), assignment('a', same), assignment('c', { ...same, firstNumber: 3 })]
    const { instructor } = histories([b, a, c])
    assert.deepEqual(
      instructor.ordered.map(({ uuid }) => nameOf(uuid)),
      ['c', 'a', 'b'],
    )
  })
})

describe('mapped history (scheduler.md §6.3)', () => {
  const index = indexEcosystem(
    book('E1', { o: { pool: ['o1'] }, p: { pool: ['p1'] }, q: { pool: ['q1'] }, r: { pool: [] }, s: { pool: ['s1'] } }),
  )
  const mapping = indexMaps(closeMaps([{ from: id('E2'), to: id('E1'), pairs: [{ from: id('s2'), to: id('s') }] }]))

  function entriesOf(earlier: readonly (readonly string[])[], excluded: readonly string[] = []) {
    const past = earlier.map((containers, at) =>
      assignment(`k${earlier.length - at}`, {
        containers,
        dueAt: now - (earlier.length - at) * day,
        ecosystem: containers.includes('s2') ? id('E2') : id('E1'),
      }),
    )
    const current = assignment('now', { containers: ['o'], dueAt: now + day })
    const course = { ...nothingExcluded, exercises: new Set(excluded.map(id)) }
    const exclusions = studentExclusions({ course, assignments: [], groupOf, now })
    const { student } = histories([...past, current])
    const entries = mappedHistory(student, { assignment: current, index, mapping, exclusions })
    return entries.map(
      (entry) => `${entry.assignment ? nameOf(entry.assignment) : '-'}:${entry.containers.map(nameOf)}`,
    )
  }

  it('59: a container counts at its most recent appearance, and the assigned ones at 0', () => {
    assert.deepEqual(entriesOf([['p'], ['q'], ['p', 'o']]), ['now:o', 'k1:p', 'k2:q', 'k3:', '-:', '-:'])
  })

  it('60: earlier editions are mapped, containers without an image left out', () => {
    assert.deepEqual(entriesOf([['s2', 'unmapped']]).slice(0, 2), ['now:o', 'k1:s'])
  })

  it('a container with nothing to give is not seen, so it may count where it was before', () => {
    assert.deepEqual(entriesOf([['p'], ['r', 'p']], ['p1']), ['now:o', 'k1:', 'k2:', '-:', '-:', '-:'])
    assert.deepEqual(entriesOf([['p'], ['r']]), ['now:o', 'k1:', 'k2:p', '-:', '-:', '-:'])
  })
})
