import Type from 'typebox'
import { courseEventCodes, ecosystemEventCodes } from '#domain/events.ts'
import { flag, sequenceNumber, sequenceNumberMax, uuid } from './values.ts'

/*
 * Bodies of remote subscriptions. Positions are text: they may pass what a JSON number can hold. Unlike on the wire,
 * lists are limited and names closed: there are no old clients to be kind to.
 */
export const subscriptionNamePattern = '^[a-z][a-z0-9_-]{0,62}$'
export const subscriptionName = Type.String({ pattern: subscriptionNamePattern })

const position = Type.String({
  pattern: '^(0|[1-9][0-9]{0,17})$',
  description: 'a position of the lane, as decimal text',
})
const kind = Type.Union([Type.Literal('course'), Type.Literal('ecosystem')])
const eventTypeNames = [...new Set([...Object.keys(courseEventCodes), ...Object.keys(ecosystemEventCodes)])]
const eventType = Type.Union(eventTypeNames.map((name) => Type.Literal(name)))

const slot = {
  part: Type.Integer({ minimum: 0, maximum: 32_767 }),
  lane: Type.Integer({ minimum: 0, maximum: 32_767 }),
}
const held = {
  ...slot,
  token_uuid: Type.String({ ...uuid, description: 'proof of the present ownership of the slot, from fetch' }),
}
const instance = {
  instance_uuid: Type.String({ ...uuid, description: 'of this running consumer; a new one at each start' }),
}
const lease = {
  lease_seconds: Type.Integer({ minimum: 1, maximum: 300, description: 'others get the slots this long after a call' }),
}
const slotsMax = 1000

export const createSubscriptionRequest = Type.Object({
  mode: Type.Literal('remote'),
  kinds: Type.Array(kind, { minItems: 1, maxItems: 2, uniqueItems: true }),
  start: Type.Union([Type.Literal('beginning'), Type.Literal('now')]),
  event_types: Type.Optional(
    Type.Array(eventType, { minItems: 1, maxItems: 20, uniqueItems: true, description: 'absent: all types' }),
  ),
})
export const createSubscriptionResponse = Type.Object({
  status: Type.Union([Type.Literal('created'), Type.Literal('exists')]),
})

export const fetchSubscriptionRequest = Type.Object({
  ...instance,
  ...lease,
  wait_seconds: Type.Number({ minimum: 0, maximum: 20, description: 'how long to wait while there is nothing' }),
  max_num_events: Type.Integer({ minimum: 1, maximum: 1000 }),
  received: Type.Optional(
    Type.Array(Type.Object({ ...held, position }), {
      maxItems: slotsMax,
      description: 'last position of each lane that this instance holds unconfirmed; the answer goes on after it',
    }),
  ),
})

const event = Type.Object({
  course_uuid: Type.Optional(uuid),
  ecosystem_uuid: Type.Optional(uuid),
  sequence_number: sequenceNumber,
  event_uuid: uuid,
  event_type: eventType,
  event_data: Type.Object({}),
})
const epoch = Type.String({ description: 'how many ownerships the slot has had' })

export const fetchSubscriptionResponse = Type.Object({
  is_paused: flag,
  slots: Type.Array(Type.Object({ ...held, epoch, position })),
  batches: Type.Array(
    Type.Object({
      ...held,
      after: position,
      position,
      entry: Type.String({ description: 'name of what the last position holds' }),
      events: Type.Array(event),
    }),
  ),
  retries: Type.Array(
    Type.Object({
      ...held,
      stream_uuid: uuid,
      attempts: Type.Integer({ minimum: 0 }),
      next_number: sequenceNumber,
      events: Type.Array(event),
    }),
  ),
})

export const confirmSubscriptionRequest = Type.Object({
  ...instance,
  ...lease,
  batches: Type.Optional(
    Type.Array(Type.Object({ ...held, after: position, position, entry: Type.String({ pattern: '^[0-9a-f]{32}$' }) }), {
      maxItems: slotsMax,
    }),
  ),
  streams: Type.Optional(
    Type.Array(Type.Object({ ...held, stream_uuid: uuid, next_number: sequenceNumber }), { maxItems: slotsMax }),
  ),
})
const outcome = Type.Object({
  status: Type.Union([
    Type.Literal('confirmed'),
    Type.Literal('already_confirmed'),
    Type.Literal('out_of_order'),
    Type.Literal('lost_lease'),
    Type.Literal('cursor_diverged'),
  ]),
})
export const confirmSubscriptionResponse = Type.Object({
  batches: Type.Array(outcome),
  streams: Type.Array(outcome),
})

export const nackSubscriptionRequest = Type.Object({
  ...held,
  stream_uuid: uuid,
  number: Type.Integer({ minimum: 0, maximum: sequenceNumberMax, description: 'of the event that failed' }),
  error: Type.String({ minLength: 1, maxLength: 2000, pattern: '^[^\\u0000]*$' }),
  received: Type.String({ ...position, description: 'last position of the lane that this instance has got' }),
  awaited: Type.Optional(
    Type.Object({ kind, stream_uuid: uuid }, { description: 'the stream that has to come first; counts no attempt' }),
  ),
})
export const nackSubscriptionResponse = Type.Object({
  status: Type.Union([
    Type.Literal('set_aside'),
    Type.Literal('parked'),
    Type.Literal('already_confirmed'),
    Type.Literal('lost_lease'),
    Type.Literal('event_unknown'),
  ]),
})

export const extendSubscriptionRequest = Type.Object({ ...instance, ...lease })
export const extendSubscriptionResponse = Type.Object({
  status: Type.Union([Type.Literal('extended'), Type.Literal('paused')]),
})

export const releaseSubscriptionRequest = Type.Object({
  ...instance,
  slots: Type.Array(Type.Object(held), { maxItems: slotsMax }),
})
export const releaseSubscriptionResponse = Type.Object({ status: Type.Literal('released') })
