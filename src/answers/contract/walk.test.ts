import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toUuid, type Uuid } from '#domain/ids.ts'
import type { AnsweredState } from '#due/work-states.ts'
import type { CourseHead } from '#learning/reader.ts'
import { type CourseWalk, openCourseWalk } from './walk.ts'

const uuid = (n: number): Uuid => toUuid(`00000000-0000-4000-8000-${String(n).padStart(12, '0')}`)

/** Courses that an algorithm has answered, but for those in `due`. */
class World {
  readonly due = new Set<Uuid>()
  readonly heads: CourseHead[]
  readonly answered = new Map<Uuid, AnsweredState>()
  /** Courses that wait for a book. */
  readonly waiting = new Set<Uuid>()
  readonly walk: CourseWalk
  progress = 0
  passed = 0
  examined = 0
  books = 1

  constructor(courses: number) {
    this.heads = Array.from({ length: courses }, (_, n) => {
      const version = { applied: 1, changed: 1 }
      return { part: Math.floor((64 * n) / courses), course: uuid(n), ecosystem: undefined, version }
    })
    for (const { course } of this.heads) this.answered.set(course, { subject: course, state: '1 ', nextAt: undefined })
    this.walk = openCourseWalk({
      reader: {
        courseHeads: async (after, max) => {
          const isLater = ({ part, course }: CourseHead) =>
            part > after.part || (part === after.part && course > after.course)
          return this.heads.filter(isLater).slice(0, max)
        },
        ecosystems: async () => Array.from({ length: this.books }, (_, n) => uuid(n)),
      },
      states: {
        readAnswered: async (_kind, _algorithm, subjects) => {
          this.passed += subjects.length
          return new Map(
            subjects.flatMap((subject) => {
              const state = this.answered.get(subject)
              return state === undefined || this.due.has(subject) ? [] : [[subject, state]]
            }),
          )
        },
        writeAnswered: async (_kind, _algorithm, states) => {
          for (const state of states) this.answered.set(state.subject, state)
        },
      },
      editions: { edition: async () => undefined, ecosystemsOfContainers: async () => new Map() },
      clock: { now: () => 0 },
      progress: async () => String(this.progress),
    })
  }

  /** Something was recorded in this course. */
  change(n: number): void {
    this.due.add(uuid(n))
    this.progress += 1
  }

  /** What a poll finds; nothing while it rests. */
  poll(itemsMax = 10, itemsPerCourse = 1): Promise<Uuid[]> {
    return this.walk.find({
      kind: 'exercises',
      algorithm: 'any',
      itemsMax,
      examine: async ({ course }, room) => {
        this.examined += 1
        const items = this.due.has(course) ? new Array<Uuid>(Math.min(room, itemsPerCourse)).fill(course) : []
        return { items, nextAt: undefined, isWaiting: this.waiting.has(course) }
      },
    })
  }

  async pollUntil(wanted: Uuid): Promise<number> {
    for (let polls = 1; polls < 1000; polls += 1) {
      const before = this.passed
      const found = await this.poll()
      assert.ok(this.passed - before <= 1000, `a poll passed ${this.passed - before} courses`)
      if (found.includes(wanted)) return polls
      await new Promise((done) => setTimeout(done, 2))
    }
    return Number.POSITIVE_INFINITY
  }
}

test('a poll passes a part of many courses, and the next ones go on until what is due is found', async () => {
  const world = new World(9000)
  for (const n of [0, 4321, 8999]) {
    world.change(n)
    assert.ok((await world.pollUntil(uuid(n))) < 1000)
    world.due.clear()
  }
})

test('few courses are passed in one poll, each item once, and once more as long as it is not answered', async () => {
  const world = new World(600)
  for (const n of [5, 6, 599]) world.change(n)
  for (let poll = 0; poll < 5; poll += 1) {
    assert.deepEqual((await world.poll()).sort(), [uuid(5), uuid(6), uuid(599)])
  }
  assert.equal((await world.poll(2)).length, 2)
})

test('where everything is due a poll looks at the first few courses, and at none that would not fit', async () => {
  const world = new World(600)
  for (let n = 0; n < 600; n += 1) world.change(n)
  const found = await world.poll(50, 20)
  assert.equal(found.length, 40)
  assert.equal(new Set(found).size, 2)
  assert.ok(world.passed <= 100, `it read the states of ${world.passed} courses`)
})

test('a course with more than a poll takes is handed out as far as there is room', async () => {
  const world = new World(600)
  for (const n of [5, 6]) world.change(n)
  assert.equal((await world.poll(50, 200)).length, 50)
})

test('what is never answered keeps nothing else waiting', async () => {
  const world = new World(600)
  for (let n = 0; n < 30; n += 1) world.change(n)
  const seen = new Set<Uuid>()
  for (let poll = 0; poll < 30; poll += 1) for (const item of await world.poll(4)) seen.add(item)
  assert.equal(seen.size, 30)
})

test('nothing is passed again after a round that found nothing, until something is recorded', async () => {
  const world = new World(600)
  assert.deepEqual(await world.poll(), [])
  const { passed } = world
  assert.deepEqual(await world.poll(), [])
  assert.equal(world.passed, passed)
  world.change(300)
  assert.deepEqual(await world.poll(), [uuid(300)])
})

test('courses that wait for a book are looked into once for each book that comes, and hold nobody up', async () => {
  const world = new World(100)
  for (let n = 0; n < 4; n += 1) world.waiting.add(uuid(n))
  for (const { course } of world.heads.slice(0, 4)) world.answered.delete(course)
  assert.deepEqual(await world.poll(), [])
  assert.equal(world.examined, 4)
  world.change(50)
  assert.deepEqual(await world.poll(), [uuid(50)])
  assert.equal(world.examined, 5, 'nothing has come that they wait for')
  world.due.clear()
  world.books += 1
  world.progress += 1
  assert.deepEqual(await world.poll(), [])
  assert.equal(world.examined, 9)
  world.waiting.clear()
  for (const round of [1, 2]) {
    world.books += 1
    world.progress += 1
    assert.deepEqual(await world.poll(), [])
    assert.equal(world.examined, 13, `round ${round}`)
  }
})
