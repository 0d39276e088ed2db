import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { applyRoster, type Roster } from './roster.ts'
import { id, ids } from './test-book.ts'

function roster(parents: Readonly<Record<string, string>>, students: Readonly<Record<string, string>>): Roster {
  return {
    course: id('course'),
    containers: Object.entries(parents).map(([uuid, parent]) => ({ uuid: id(uuid), parent: id(parent) })),
    students: Object.entries(students).map(([uuid, container]) => ({ uuid: id(uuid), container: id(container) })),
  }
}

describe('rosters (scheduler.md §10)', () => {
  it('5, 8: a student sits in its container and all above it, the course left out', () => {
    const students = applyRoster([], roster({ P: 'course', S: 'P' }, { s: 'S', t: 'P' }))
    assert.deepEqual(
      students.map(({ containers }) => containers),
      [ids('S', 'P'), ids('P')],
    )
  })

  it('9: parents in a circle are walked once', () => {
    const [student] = applyRoster([], roster({ A: 'B', B: 'A' }, { s: 'A' }))
    assert.deepEqual(student?.containers, ids('A', 'B'))
  })

  it('[B]: whoever is missing from the newest roster becomes inactive and keeps its containers', () => {
    const before = applyRoster([], roster({ P: 'course' }, { s: 'P', t: 'P' }))
    const after = applyRoster(before, roster({ P: 'course', Q: 'course' }, { t: 'Q' }))
    assert.deepEqual(
      after.map(({ isActive, containers }) => [isActive, containers]),
      [
        [false, ids('P')],
        [true, ids('Q')],
      ],
    )
    const back = applyRoster(after, roster({ P: 'course' }, { s: 'P', t: 'P' }))
    assert.deepEqual(back, before)
  })

  it('a container that the roster does not describe is the top', () => {
    const [student] = applyRoster([], roster({}, { s: 'X' }))
    assert.deepEqual(student?.containers, ids('X'))
  })
})
