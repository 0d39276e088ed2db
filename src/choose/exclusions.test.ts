import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Assignment, Exclusions } from '#domain/student.ts'
import { exclusionOf, nextClosing, nothingExcluded, studentExclusions } from './exclusions.ts'
import { assignment, day, groupOf, id, ids, nameOf, now } from './test-book.ts'

function reason(exercise: string, assignments: readonly Assignment[], course: Exclusions = nothingExcluded) {
  const exclusions = studentExclusions({ course, assignments, groupOf, now })
  return exclusionOf(exclusions, { uuid: id(exercise), group: groupOf(id(exercise)), version: 1 })
}

describe('exclusions (scheduler.md §7.2)', () => {
  it('51: open work excludes every version until both the due and the feedback time are past', () => {
    const open = { core: ['x'] }
    assert.equal(reason('x.v2', [assignment('A', { ...open, dueAt: now + day })]), 'open_work')
    assert.equal(reason('x.v2', [assignment('A', { ...open, dueAt: now - day, feedbackAt: now + 1 })]), 'open_work')
    assert.equal(reason('x.v2', [assignment('A', { ...open, dueAt: now, feedbackAt: now })]), undefined)
    assert.equal(reason('y', [assignment('A', { ...open, dueAt: now + day })]), undefined)
  })

  it('dates that are not set and deleted work protect nothing', () => {
    assert.equal(reason('x', [assignment('A', { core: ['x'] })]), undefined)
    assert.equal(reason('x', [assignment('A', { core: ['x'], dueAt: now + day, isDeleted: true })]), undefined)
  })

  it('personalised and spaced exercises of open work are protected like the others', () => {
    const open = [assignment('A', { pes: ['p'], spes: ['s'], feedbackAt: now + day })]
    assert.deepEqual(
      ['p.v3', 's'].map((one) => reason(one, open)),
      ['open_work', 'open_work'],
    )
  })

  it('[B]: an exercise of open work that no ecosystem knows is excluded itself', () => {
    const exclusions = studentExclusions({
      course: nothingExcluded,
      assignments: [assignment('A', { core: ['x'], dueAt: now + day })],
      groupOf: () => undefined,
      now,
    })
    assert.deepEqual([...exclusions.openWork].map(nameOf), ['x'])
    assert.equal(exclusionOf(exclusions, { uuid: id('x'), group: id('g:x'), version: 1 }), 'open_work')
  })

  it('19: the course excludes exercises by uuid and by group', () => {
    const course = { exercises: new Set(ids('x1')), groups: new Set(ids('g:y')) }
    assert.equal(reason('x1', [], course), 'course_exercise')
    assert.equal(reason('y.v2', [], course), 'course_group')
    assert.equal(reason('x1.v2', [], course), undefined)
    assert.equal(reason('x1', [], nothingExcluded), undefined)
  })

  it('tells when the next open work closes', () => {
    const work = [
      assignment('A', { dueAt: now + day, feedbackAt: now + 2 * day }),
      assignment('B', { dueAt: now + 3 * day }),
      assignment('C', { dueAt: now - day }),
    ]
    assert.equal(nextClosing(work, now), now + 2 * day)
    assert.equal(nextClosing([], now), undefined)
  })
})
