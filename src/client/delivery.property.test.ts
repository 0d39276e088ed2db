import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { createClient } from './client.ts'
import { createDelivery } from './delivery.ts'
import { createFakeServer } from './fake/server.ts'
import type { OutboxEvent } from './outbox.ts'
import { createMemoryOutbox } from './outbox-memory.ts'
import { createCourse, instantClock, recordResponse, unexpected, updateDates } from './test-outbox.ts'

/** What happens to each request in turn; afterwards the network is well. */
const fault = fc.constantFrom('none', 'none', 'request lost', 'reply lost', 'overloaded', 'html', 'delivered twice')
/** Each transaction: which courses it touches, whether it commits, whether the sender drains after it. */
const step = fc.record({
  courses: fc.array(fc.nat(3), { minLength: 1, maxLength: 6 }),
  commits: fc.boolean(),
  drains: fc.boolean(),
})

test('whatever the network does, each course ends with exactly its committed events, in order of commit', async () => {
  const property = fc.asyncProperty(
    fc.array(step, { maxLength: 12 }),
    fc.array(fault, { maxLength: 40 }),
    async (steps, faults) => {
      const remaining = [...faults]
      const firstArrivals: string[] = []
      const fake = createFakeServer({
        async intercept(request, next) {
          const current = remaining.shift() ?? 'none'
          if (current === 'request lost') throw new TypeError('fetch failed')
          if (current === 'overloaded') return Response.json({ errors: ['full'] }, { status: 503 })
          if (current === 'html') return new Response('<html></html>', { status: 200 })
          firstArrivals.push(request.text)
          const reply = await next()
          if (current === 'delivered twice') return await next()
          if (current === 'reply lost') throw new TypeError('terminated')
          return reply
        },
      })
      const clock = instantClock()
      const outbox = createMemoryOutbox(clock)
      const client = createClient({ url: 'http://biglearn.test', fetch: fake.fetch, clock, random: () => 0.5 })
      const delivery = createDelivery({ store: outbox, transport: client.transport, clock, ...unexpected })
      const courses = Array.from({ length: 4 }, () => randomUUID())
      const committed = new Map<string, string[]>(courses.map((course) => [course, [course]]))
      await outbox.transaction(async (transaction) => await outbox.enqueue(transaction, courses.map(createCourse)))

      const drains: Promise<void>[] = []
      for (const { courses: touched, commits, drains: drainsNow } of steps) {
        const events = touched.map((index, turn): [string, string, OutboxEvent] => {
          const [course, uuid] = [courses[index]!, randomUUID()]
          return [course, uuid, turn % 3 === 0 ? updateDates(course, uuid) : recordResponse(course, uuid)]
        })
        const transaction = outbox.transaction(async (current) => {
          await outbox.enqueue(
            current,
            events.map(([, , event]) => event),
          )
          if (!commits) throw new Error('rolled back')
        })
        await transaction.catch(() => {})
        if (commits) for (const [course, uuid] of events) committed.get(course)!.push(uuid)
        // Not awaited: later transactions commit while earlier events are on their way, and senders overlap.
        if (drainsNow) drains.push(delivery.drain())
      }
      await Promise.all(drains)
      await delivery.drain()

      for (const course of courses) {
        const { course_event_responses } = await client.fetchCourseEvents({
          course_event_requests: [{ request_uuid: randomUUID(), course_uuid: course, sequence_number_offset: 0 }],
          max_num_events: 1000,
        })
        const stored = course_event_responses[0]!.events.map((event) => event.event_uuid)
        assert.deepEqual(stored, committed.get(course))
        assertInOrder(course, firstArrivals)
      }
      assert.equal((await outbox.health()).waiting, 0)
    },
  )
  await fc.assert(property, { numRuns: 60 })
})

/** A number arrives for the first time only after every smaller one has arrived. */
function assertInOrder(course: string, arrivals: readonly string[]): void {
  let next = 1
  for (const text of arrivals) {
    const request = JSON.parse(text)
    for (const item of request.responses ?? [request]) {
      if (item.course_uuid !== course || item.sequence_number === undefined) continue
      assert.ok(item.sequence_number <= next, `number ${item.sequence_number} arrived before ${next}`)
      next = Math.max(next, item.sequence_number + 1)
    }
  }
}
