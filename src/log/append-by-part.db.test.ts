import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { partOf } from '#domain/parts.ts'
import type { OpenedLog } from './log.ts'
import { courseOf, responseOf } from './sample-events.ts'
import { useTestLog } from './test-log.ts'

const opened = useTestLog()
let log: OpenedLog

describe('appends that are cut by part', () => {
  before(async () => {
    log = (await opened.another({ cutsByPart: true })).log
  })
  const courses = Array.from({ length: 8 }, (_, index) => courseOf(`by part ${index}`))
  const request = (number: number) => courses.map((course) => responseOf(course, number))

  test('a request over many parts is stored, and its outcomes are in the order of its items', async () => {
    assert.ok(new Set(courses.map((course) => partOf('course', course))).size > 4)
    assert.deepEqual(await log.append([responseOf(courses[3]!, 0)]), { kind: 'stored', outcomes: ['recorded'] })
    const expected = courses.map((_, index) => (index === 3 ? 'duplicate' : 'recorded'))
    assert.deepEqual(await log.append(request(0)), { kind: 'stored', outcomes: expected })
    assert.deepEqual(await log.append([]), { kind: 'stored', outcomes: [] })
  })

  test('a conflict refuses the request; what other parts stored is a duplicate when it comes again', async () => {
    const [first = assert.fail()] = courses
    const taken = { ...responseOf(first, 1), eventUuid: courseOf('another event') }
    assert.equal((await log.append([taken])).kind, 'stored')
    const refused = await log.append(request(1))
    assert.deepEqual(
      refused.kind === 'refused' && refused.conflicts.map(({ stream, number }) => ({ stream, number })),
      [{ stream: first, number: 1 }],
    )
    assert.deepEqual(await log.append(request(1).slice(1)), {
      kind: 'stored',
      outcomes: courses.slice(1).map(() => 'duplicate'),
    })
    const events = await log.readStream('course', first, { from: 0, eventsMax: 10, bytesMax: 1e6 })
    assert.deepEqual(
      events.map(({ eventUuid }) => eventUuid),
      [responseOf(first, 0).eventUuid, taken.eventUuid],
    )
  })

  test('many requests at once, over the same parts in any order, end with every event once', async () => {
    const numbers = Array.from({ length: 20 }, (_, index) => index + 2)
    const requests = numbers.map((number) => (number % 2 === 0 ? request(number) : request(number).toReversed()))
    const results = await Promise.all(requests.map((events) => log.append(events)))
    assert.ok(results.every(({ kind }) => kind === 'stored'))
    for (const course of courses) {
      const events = await log.readStream('course', course, { from: 0, eventsMax: 100, bytesMax: 1e6 })
      assert.deepEqual(
        events.map(({ number }) => number),
        Array.from({ length: 22 }, (_, index) => index),
      )
    }
    assert.deepEqual([log.counters().waitingRequests, log.counters().waitingBytes], [0, 0])
  })

  test('a part with always more to write leaves connections to others', async () => {
    const { log: narrow } = await opened.another({ cutsByPart: true }, { connectionsMax: 1 })
    const [busy, other] = [courseOf('by part busy'), courseOf('by part other')]
    assert.notEqual(partOf('course', busy), partOf('course', other))
    const state = { appended: 0, isOver: false }
    // Two, the second of which begins while the first is written: so there is always one in the queue.
    const writers = [0, 1].map(async (first) => {
      if (first > 0) await turn()
      for (let number = first; !state.isOver && number < 2000; number += 2) {
        await narrow.append([responseOf(busy, number)])
        state.appended += 1
      }
    })
    while (state.appended < 20) await sleep(1)
    await narrow.append([responseOf(other, 0)])
    state.isOver = true
    await Promise.all(writers)
    assert.ok(state.appended < 2000, 'it was answered before there was nothing more to write')
  })
})
