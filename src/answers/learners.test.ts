import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nothingExcluded } from '#choose/exclusions.ts'
import { id } from '#choose/test-book.ts'
import type { Answer, Assignment } from '#domain/student.ts'
import type { Edition } from './editions.ts'
import { createLearnerKeeper } from './learners.ts'
import type { StudentRecord } from './student-records.ts'

const edition = { ecosystem: id('E1'), groupOf: (exercise) => exercise } as Edition
const assignmentOfTrial = new Map([[id('t1'), { feedbackAt: undefined, dueAt: 50 } as Assignment]])

function answer(number: number): Answer {
  return {
    ...{ number, response: id(`r${number}`), trial: id('t1'), exercise: id(`x${number}`), ecosystem: id('E1') },
    ...{ isCorrect: true, isReal: true, respondedAt: number, recordedAt: number },
  }
}

function recordOf(name: string, answers: readonly Answer[], history: object = {}): StudentRecord {
  const student = { uuid: id(name), course: id('C1'), containers: [], isActive: true }
  const course = { exclusions: nothingExcluded } as unknown as StudentRecord['course']
  return { student, course, answers, assignments: [], assignmentOfTrial, position: answers.length, history }
}

test('a class is the same list until an answer of somebody counts that did not, and never that of another class', () => {
  const keeper = createLearnerKeeper({ withholdUntilDue: true })
  const classOf = (...records: StudentRecord[]) => keeper.ofClass(records, edition, 'teacher', 100)
  const [first, second, third] = ['first', 'second', 'third'].map((name) => recordOf(name, [answer(1)])) as [
    StudentRecord,
    StudentRecord,
    StudentRecord,
  ]
  const before = classOf(first, second)
  assert.equal(classOf(first, second), before)
  const after = recordOf('second', [...second.answers, answer(2)], second.history)
  const changed = classOf(first, after)
  assert.equal(changed[0], before[0])
  assert.equal(changed[1]?.judged.counted.size, 2)
  assert.equal(before[1]?.judged.counted.size, 1, 'what others hold does not change')
  assert.deepEqual(
    classOf(first, third).map(({ student }) => student),
    [id('first'), id('third')],
  )
})

test('the list of a class is another one once what was withheld is visible', () => {
  const keeper = createLearnerKeeper({ withholdUntilDue: true })
  const records = [recordOf('first', [answer(1)]), recordOf('second', [answer(1)])]
  const [hidden, visible] = [40, 60].map((now) => keeper.ofClass(records, edition, 'student', now))
  assert.deepEqual(
    hidden?.map(({ judged }) => judged.counted.size),
    [0, 0],
  )
  assert.deepEqual(
    visible?.map(({ judged }) => judged.counted.size),
    [1, 1],
  )
})

test('the former sizes of a class that grows are not kept', () => {
  const keeper = createLearnerKeeper({ withholdUntilDue: true })
  const records = Array.from({ length: 20 }, (_, at) => recordOf(`student ${at}`, [answer(1)]))
  const classOf = (size: number) => keeper.ofClass(records.slice(0, size), edition, 'teacher', 100)
  const early = classOf(2)
  const [course, period] = [classOf(20), classOf(5)]
  assert.equal(classOf(20), course, 'lists that begin with the same student are asked for in turn')
  assert.equal(classOf(5), period)
  for (let size = 6; size < 20; size += 1) classOf(size)
  const again = classOf(2)
  assert.notEqual(again, early)
  assert.deepEqual(again, early)
})
