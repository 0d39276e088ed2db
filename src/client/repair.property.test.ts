import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { createClient } from './client.ts'
import { createDelivery } from './delivery.ts'
import { createFakeServer } from './fake/server.ts'
import { repairGaps } from './incidents.ts'
import type { OutboxEvent } from './outbox.ts'
import { createMemoryOutbox } from './outbox-memory.ts'
import { createCourse, instantClock, recordResponse, unexpected, updateDates } from './test-outbox.ts'

/** What the producer adds, and from which number on the server loses what it has (none when beyond its end). */
const round = fc.record({
  added: fc.array(fc.nat(2), { maxLength: 8 }),
  lostFrom: fc.array(fc.nat(20), { minLength: 3, maxLength: 3 }),
})

test('whatever the server loses and whenever, one repair brings every course back to what was committed', async () => {
  const property = fc.asyncProperty(fc.array(round, { maxLength: 5 }), async (rounds) => {
    const fake = createFakeServer()
    const clock = instantClock()
    const store = createMemoryOutbox(clock)
    const client = createClient({ url: 'http://biglearn.test', fetch: fake.fetch, clock })
    const delivery = createDelivery({ store, transport: client.transport, clock, ...unexpected })
    const enqueue = (events: readonly OutboxEvent[]) =>
      store.transaction(async (transaction) => await store.enqueue(transaction, events))
    const courses = [randomUUID(), randomUUID(), randomUUID()]
    const committed = new Map<string, string[]>(courses.map((course) => [course, [course]]))
    await enqueue(courses.map(createCourse))
    for (const { added, lostFrom } of rounds) {
      const events = added.map((index, turn) => {
        const [course, uuid] = [courses[index]!, randomUUID()]
        committed.get(course)!.push(uuid)
        return turn % 2 === 0 ? recordResponse(course, uuid) : updateDates(course, uuid)
      })
      await enqueue(events)
      await delivery.drain()
      // The next round's events then arrive behind the hole.
      for (const [index, number] of lostFrom.entries()) fake.loseFrom('course', courses[index]!, number)
    }
    clock.advance(3_600_000)
    const { unexplained, ahead } = await repairGaps({ store, client, now: () => new Date(clock.now()) })
    assert.deepEqual([unexplained, ahead], [[], []])
    await delivery.drain()
    for (const course of courses) {
      const lines = [{ request_uuid: randomUUID(), course_uuid: course, sequence_number_offset: 0 }]
      const reply = await client.fetchCourseEvents({ course_event_requests: lines, max_num_events: 1000 })
      const stored = reply.course_event_responses[0]!.events.map((event) => event.event_uuid)
      assert.deepEqual(stored, committed.get(course))
    }
  })
  await fc.assert(property, { numRuns: 60 })
})
