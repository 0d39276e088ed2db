import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { AlgorithmWorld, defaultStudent } from './algorithm-world.ts'

/* Algorithms that leave items out, and students who work in books that have not arrived (scheduler.md §3.4, §8.2). */
const studentsPerCourse = 4
let world: AlgorithmWorld
before(async () => {
  world = await AlgorithmWorld.start(47, studentsPerCourse)
})
after(() => world.application.stop())

test('an order for a book that has not arrived is asked for when it has, though nothing else has changed', async () => {
  const ecosystem = randomUUID()
  const student = world.student(1)
  const open = { goal_num_tutor_assigned_pes: 1, pes_are_assigned: false, assigned_exercises: [] }
  await world.assign(student, 0, { ...open, ecosystem_uuid: ecosystem, assigned_book_container_uuids: [] })
  await world.orderAll('waiting')
  assert.deepEqual(await world.exercises('waiting'), [])
  await world.addBook()
  await world.orderAll('waiting')
  await world.answer(world.student(0), 0, [[0, true]])
  await world.orderAll('waiting')
  assert.deepEqual(await world.exercises('waiting'), [])
  await world.addBook(ecosystem)
  const items = await world.exercises('waiting')
  const about = items.map((item) => [item.student_uuid, item.ecosystem_uuid])
  assert.deepEqual(
    about.sort(),
    [
      [defaultStudent, ecosystem],
      [student.student, ecosystem],
    ].sort(),
  )
  await world.orderAll('waiting')
  assert.deepEqual(await world.exercises('waiting'), [])
})

test('default orders that an algorithm leaves out keep no student waiting, nor each other', async () => {
  const books = new Set<string>()
  while (books.size < 12) books.add(await world.addBook())
  const ofStudents = new Set<string>()
  const skipped = new Set<string>()
  for (let polls = 0; polls < 300 && ofStudents.size + skipped.size < studentsPerCourse + books.size; polls += 1) {
    const items = await world.exercises('skipping')
    assert.ok(items.length <= 10)
    for (const item of items) {
      if (books.has(item.ecosystem_uuid)) skipped.add(item.ecosystem_uuid)
      else {
        if (item.student_uuid !== defaultStudent) ofStudents.add(item.student_uuid)
        await world.order('skipping', item)
      }
    }
  }
  assert.equal(ofStudents.size, studentsPerCourse)
  assert.equal(skipped.size, books.size)
  assert.equal((await world.exercises('skipping')).length, 10, 'no student is due: the defaults have all places')
})
