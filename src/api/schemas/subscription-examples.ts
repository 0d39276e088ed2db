/* One request and one answer per endpoint of remote subscriptions; a test validates each against its schema. */
const instance = { instance_uuid: '30000000-0000-4000-8000-000000000001' }
const lease = { lease_seconds: 30 }
const course = 'c0000000-0000-4000-8000-000000000001'
const held = { part: 12, lane: 0, token_uuid: '30000000-0000-4000-8000-000000000002' }
const entry = '9f86d081884c7d659a2feaa0c55ad015'
const event = {
  course_uuid: course,
  sequence_number: 7,
  event_uuid: '10000000-0000-4000-8000-000000000002',
  event_type: 'no_op',
  event_data: { course_uuid: course, sequence_number: 7, reason: 'never sent' },
}

export const createSubscriptionExample = {
  request: { mode: 'remote', kinds: ['course'], start: 'beginning', event_types: ['record_response'] },
  response: { status: 'created' },
}

export const fetchSubscriptionExample = {
  request: { ...instance, ...lease, wait_seconds: 20, max_num_events: 500, received: [{ ...held, position: '41' }] },
  response: {
    is_paused: false,
    slots: [{ ...held, epoch: '3', position: '40' }],
    batches: [{ ...held, after: '41', position: '42', entry, events: [event] }],
    retries: [{ ...held, stream_uuid: course, attempts: 1, next_number: 8, events: [event] }],
  },
}

export const confirmSubscriptionExample = {
  request: {
    ...instance,
    ...lease,
    batches: [{ ...held, after: '40', position: '42', entry }],
    streams: [{ ...held, stream_uuid: course, next_number: 8 }],
  },
  response: { batches: [{ status: 'confirmed' }], streams: [{ status: 'confirmed' }] },
}

export const nackSubscriptionExample = {
  request: { ...held, stream_uuid: course, number: 7, error: 'the grade book does not answer', received: '42' },
  response: { status: 'set_aside' },
}

export const extendSubscriptionExample = {
  request: { ...instance, ...lease },
  response: { status: 'extended' },
}

export const releaseSubscriptionExample = {
  request: { ...instance, slots: [held] },
  response: { status: 'released' },
}
