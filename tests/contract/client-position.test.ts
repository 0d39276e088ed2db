import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { createClient } from '#client/client.ts'
import { startMemoryServer, time } from './contract-server.ts'

test('the client gives the position of its writes to the reads that ask for it', async () => {
  const server = await startMemoryServer()
  const asked: (string | undefined)[] = []
  const replicas = {
    at: (position: string | undefined) => {
      asked.push(position)
      return server.ports.log
    },
    position: async () => '0/16B3748',
  }
  Object.assign(server.ports, { replicas })
  try {
    const client = createClient({ url: server.url })
    const uuid = randomUUID()
    await client.createCourse({ course_uuid: uuid, ecosystem_uuid: uuid, ...courseFields })
    const position = client.position()
    assert.equal(position, '0/16B3748')
    const lines = [{ request_uuid: randomUUID(), course_uuid: uuid, sequence_number_offset: 0 }]
    const events = { course_event_requests: lines, max_num_events: 10 }
    const read = await client.fetchCourseEvents(events, { position })
    assert.equal(read.course_event_responses[0]?.events.length, 1)
    await client.fetchCourseMetadatas({ metadata_sequence_number_offset: 0, max_num_metadatas: 1 }, { position })
    await client.fetchCourseEvents(events)
    assert.deepEqual(asked, [position, position, undefined])
  } finally {
    await server.stop()
  }
})

const courseFields = { is_real_course: true, starts_at: time, ends_at: time, created_at: time }
