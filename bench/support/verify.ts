import assert from 'node:assert/strict'
import { answerJson, type BenchWorld } from './answers.ts'
import { type Post, poster } from './post.ts'

/*
 * Reads back through the public API what a benchmark sent: every course holds exactly the acknowledged numbers without
 * a hole, and a thousand answers chosen by seed are equal to what was sent. Throws otherwise, and no figure is printed.
 */
export async function verifyStored(
  port: number,
  world: BenchWorld,
  sentPerCourse: readonly number[],
  seed: number,
): Promise<void> {
  const post = poster(port)
  await verifyCounts(post, world, sentPerCourse)
  await verifySample(post, world, sentPerCourse, seed)
}

interface StatusLines {
  readonly stream_responses: readonly { next_sequence_number: number; contiguous_sequence_number: number }[]
}
interface EventLines {
  readonly course_event_responses: readonly {
    events: readonly { sequence_number: number; event_uuid: string; event_data: unknown }[]
  }[]
}

async function verifyCounts(post: Post, world: BenchWorld, sentPerCourse: readonly number[]): Promise<void> {
  for (let from = 0; from < world.courses.length; from += 1000) {
    const courses = world.courses.slice(from, from + 1000)
    const body = { stream_requests: courses.map((course) => ({ request_uuid: course, course_uuid: course })) }
    const { stream_responses: statuses } = await post<StatusLines>('/fetch_stream_statuses', body)
    for (const [index, status] of statuses.entries()) {
      const sent = sentPerCourse[from + index] ?? 0
      assert.equal(status.next_sequence_number, sent, 'acknowledged and stored differ')
      assert.equal(status.contiguous_sequence_number, sent, 'stored and contiguous differ')
    }
  }
}

async function verifySample(
  post: Post,
  world: BenchWorld,
  sentPerCourse: readonly number[],
  seed: number,
): Promise<void> {
  let state = seed >>> 0
  const random = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 0x100000000) * below)
  }
  for (let checked = 0; checked < 1000; ) {
    const course = random(world.courses.length)
    const sent = sentPerCourse[course] ?? 0
    if (sent === 0) continue
    const number = random(sent)
    const line = {
      request_uuid: world.courses[course],
      course_uuid: world.courses[course],
      sequence_number_offset: number,
    }
    const body = { course_event_requests: [line], max_num_events: 1 }
    const { course_event_responses: lines } = await post<EventLines>('/fetch_course_events', body)
    const wanted = world.answer(course, number)
    const event = lines[0]?.events[0]
    assert.ok(event !== undefined, `number ${number} of ${wanted.course} can not be read`)
    assert.equal(event.sequence_number, number)
    assert.equal(event.event_uuid, wanted.response)
    assert.deepEqual(event.event_data, JSON.parse(answerJson(wanted)))
    checked += 1
  }
}
