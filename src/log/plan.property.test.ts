import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { StreamEvent } from '#domain/events.ts'
import { partOf } from '#domain/parts.ts'
import { decodeBody, prepareEvent } from './codec.ts'
import { type Plan, type PlanRequest, planGroup, runBytesMax, runEventsMax, streamKey } from './plan.ts'
import { openRequest } from './request.ts'
import { bareEvent, courseOf, createEcosystemOf, eventOf, responseOf } from './sample-events.ts'

/* A plan holds each number of the group once, in order, in rows of limited size, and says what it left out. */
const courses = [courseOf('a'), courseOf('b'), courseOf('c')]
const event: fc.Arbitrary<StreamEvent> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.tuple(fc.constantFrom(...courses), fc.nat({ max: 60 })).map(([c, n]) => responseOf(c, n)),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(...courses), fc.nat({ max: 60 }), fc.constantFrom(10, 3000, 9000))
      .map(([course, number, bytes]) => eventOf(course, number, 'update_roster', bytes)),
  },
  { weight: 1, arbitrary: fc.constantFrom(...courses).map((course) => createEcosystemOf(course)) },
)
const long = fc
  .tuple(fc.constantFrom(...courses), fc.nat({ max: 300 }))
  .map(([course, count]) => Array.from({ length: count + 1 }, (_, number) => responseOf(course, number)))
const request = fc.oneof({ weight: 9, arbitrary: fc.array(event, { minLength: 1, maxLength: 12 }) }, long)
const group = fc
  .array(request, { minLength: 1, maxLength: 8 })
  .map((requests) => requests.flatMap(opened))
  .filter((requests) => requests.length > 0)

function opened(events: readonly StreamEvent[]): PlanRequest[] {
  const request = openRequest(events)
  return 'kind' in request ? [] : [request]
}

function kept(requests: readonly PlanRequest[], plan: Plan): StreamEvent[] {
  return requests
    .filter((_, index) => !plan.putOff.has(index))
    .flatMap(({ events }) => events.map((prepared) => prepared.event))
}

function slot(event: StreamEvent): string {
  return `${streamKey(event)}/${event.number}`
}

function assertPlan(check: (requests: readonly PlanRequest[], plan: Plan) => void, mayWait = fc.boolean()): void {
  fc.assert(
    fc.property(group, mayWait, (requests, waits) => check(requests, planGroup(requests, { partOf, mayWait: waits }))),
    { numRuns: 300 },
  )
}

describe('a plan', () => {
  test('holds the events of the requests it kept, once each, under their numbers', () => {
    assertPlan((requests, plan) => {
      const planned = plan.runs.flatMap((run) => {
        const { kind, stream } = plan.streams[run.streamIndex]!
        const context = { kind, stream, start: run.next - run.events, recordedAt: new Date(0) }
        return decodeBody(run.body.toString('hex'), context)
      })
      const found = new Map(planned.map((event) => [slot(event), bareEvent(event)]))
      assert.equal(found.size, planned.length)
      assert.deepEqual(found, new Map(kept(requests, plan).map((event) => [slot(event), event])))
    })
  })

  test('goes by part, stream and number, and ranks the runs of a part 1, 2, 3, …', () => {
    assertPlan((_, { runs, streams, parts }) => {
      const order = runs.map((run) => [parts[run.partIndex]!, run.streamIndex, run.next] as const)
      assert.deepEqual(
        order,
        order.toSorted(([p, s, n], [q, t, m]) => p - q || s - t || n - m),
      )
      parts.forEach((part, index) => {
        const ranks = runs.filter((run) => run.partIndex === index).map((run) => run.rank)
        assert.ok(ranks.length > 0)
        assert.deepEqual(
          ranks,
          ranks.map((_, rank) => rank + 1),
        )
        for (const run of runs) assert.equal(streams[run.streamIndex]!.part === part, run.partIndex === index)
      })
    })
  })

  test('puts off only requests that overlap an earlier one, so that the first is always kept', () => {
    assertPlan((requests, plan) => {
      assert.ok(!plan.putOff.has(0))
      const taken = new Set(kept(requests, plan).map(slot))
      for (const index of plan.putOff) {
        assert.ok(requests[index]!.events.some(({ event }) => taken.has(slot(event))))
      }
    }, fc.constant(false))
  })

  test('that may wait always holds something, and has holes only below numbers of the oldest request it holds', () => {
    assertPlan((requests, plan) => {
      // A group is empty when each of its requests was refused before it could be planned.
      if (requests.length === 0) return
      const oldest = requests.findIndex((_, index) => !plan.putOff.has(index))
      assert.ok(oldest >= 0)
      for (const [index, { kind, stream }] of plan.streams.entries()) {
        const own = requests[oldest]!.events.filter(({ event }) => event.kind === kind && event.stream === stream)
        const last = Math.max(-1, ...own.map(({ event }) => event.number))
        const runs = plan.runs.filter(({ streamIndex }) => streamIndex === index)
        for (const [place, run] of runs.entries()) {
          const before = runs[place - 1]
          const isBehindHole = before !== undefined && before.next < run.next - run.events
          if (isBehindHole) assert.ok(run.next - run.events <= last, `${run.next} is behind a hole after ${last}`)
        }
      }
    }, fc.constant(true))
  })

  test('that may wait leaves a window of which a part is missing to the next group', () => {
    const course = courses[0]!
    const requestOf = (...numbers: number[]): PlanRequest => ({
      events: numbers.map((number) => prepareEvent(responseOf(course, number))),
    })
    const putOff = (...requests: PlanRequest[]) =>
      [...planGroup(requests, { partOf, mayWait: true }).putOff].toSorted((one, other) => one - other)
    const whole = [requestOf(1, 3), requestOf(5, 0), requestOf(4, 2)]
    assert.deepEqual(putOff(...whole), [])
    assert.deepEqual(putOff(...whole, requestOf(9, 6), requestOf(8)), [3, 4])
    assert.deepEqual(putOff(requestOf(1), ...whole.slice(1)), [1, 2], 'the hole at 3 moves down when 4 and 5 are out')
    assert.deepEqual(putOff(requestOf(1, 3), requestOf(9), requestOf(4, 5)), [1], 'the oldest may close stored holes')
  })

  test('keeps rows small, and cuts a run only for that', () => {
    assertPlan((_, { runs }) => {
      runs.forEach((run, index) => {
        assert.ok(run.events === 1 || (run.events <= runEventsMax && run.body.length <= runBytesMax))
        const before = runs[index - 1]
        const isNeighbour = before?.streamIndex === run.streamIndex && before.next === run.next - run.events
        if (isNeighbour)
          assert.ok(before.events === runEventsMax || before.body.length + run.body.length > runBytesMax / 2)
      })
    })
  })

  test('tells of holes within a stream, and of streams it creates', () => {
    assertPlan((requests, plan) => {
      const hasHole = plan.streams.some(({ start }, index) => {
        const runs = plan.runs.filter((run) => run.streamIndex === index)
        return runs.at(-1)!.next - start !== runs.reduce((sum, run) => sum + run.events, 0)
      })
      assert.equal(plan.hasHole, hasHole)
      const created = kept(requests, plan).filter(({ type }) => type === 'create_ecosystem')
      assert.deepEqual(new Set(plan.created.map(({ event }) => event)), new Set(created))
    })
  })
})

describe('a request', () => {
  const first = responseOf(courses[0]!, 0)

  test('that repeats an event holds it once', () => {
    const request = openRequest([first, responseOf(courses[0]!, 1), first])
    assert.ok(!('kind' in request))
    assert.deepEqual(request.outcomes, ['recorded', 'recorded', 'duplicate'])
    assert.equal(request.events.length, 2)
    assert.equal(request.bytes, 2 * prepareEvent(first).bytes)
  })

  test('that names two events for one number is refused', () => {
    const rival = responseOf(courses[0]!, 0, 'rival')
    assert.deepEqual(openRequest([first, rival]), {
      kind: 'refused',
      conflicts: [
        {
          kind: 'course',
          stream: courses[0],
          number: 0,
          eventUuid: rival.eventUuid,
          existingEventUuid: first.eventUuid,
          existingType: 'record_response',
        },
      ],
    })
  })
})
