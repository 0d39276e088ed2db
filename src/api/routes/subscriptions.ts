import type { SlotKey } from '#crew/ownership.ts'
import type { RemoteBatch, RemoteRetry } from '#crew/remote.ts'
import type { RemoteAccess } from '#crew/remote-access.ts'
import type { EventType, StoredEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { type Endpoint, endpoint, type PathNames } from '../endpoint.ts'
import { type Refusal, refuse } from '../errors.ts'
import type { ApiPorts } from '../ports.ts'
import * as examples from '../schemas/subscription-examples.ts'
import * as schemas from '../schemas/subscriptions.ts'

/*
 * Remote subscriptions: other programs get the events of every stream, in order, at least once (streams.md §4.6). The
 * answer to a confirmation says for each line what became of it; none of these outcomes is an error of the request.
 */
const shared = { tag: 'subscriptions', audience: 'consumer' } as const

const create = endpoint({
  ...shared,
  name: 'subscription_create',
  path: '/subscriptions/{name}',
  summary: 'Create a subscription',
  description:
    'Begins with the first event ever, or with those that come from now on. exists: it has been there with the same ' +
    'settings. A name is a lower-case letter, then up to 62 lower-case letters, digits, - and _.',
  request: schemas.createSubscriptionRequest,
  response: schemas.createSubscriptionResponse,
  examples: examples.createSubscriptionExample,
  run: (body, ports, _view, { path }) =>
    onSubscription(ports, path, async (remote, name) => {
      const types = body.event_types as EventType[] | undefined
      const filter = types === undefined ? {} : { eventTypes: types }
      const status = await remote.create({ name, kinds: body.kinds, startsAt: body.start, ...filter })
      return status === 'differs' ? refuse('subscription_differs') : JSON.stringify({ status })
    }),
})

const fetch = endpoint({
  ...shared,
  name: 'subscription_fetch',
  path: '/subscriptions/{name}/fetch',
  summary: 'Get events, and a share of the slots',
  description:
    'Instances of one consumer share the slots (lanes) of its subscription; each call renews the lease. A batch is a ' +
    'piece of one lane: handle the events of a stream in order, then confirm the batch, also one without events. ' +
    'retries are owed to streams that were set aside: confirm them as streams. What is not confirmed comes again.',
  request: schemas.fetchSubscriptionRequest,
  response: schemas.fetchSubscriptionResponse,
  examples: examples.fetchSubscriptionExample,
  waits: true,
  run: (body, ports, _view, { path, gone }) =>
    onSubscription(ports, path, async (remote, subscription) => {
      const answer = await remote.fetch({
        subscription,
        instance: toUuid(body.instance_uuid),
        leaseMs: body.lease_seconds * 1000,
        waitMs: body.wait_seconds * 1000,
        eventsMax: body.max_num_events,
        ...(gone && { gone }),
        received: (body.received ?? []).map((line) => ({ ...heldOf(line), position: BigInt(line.position) })),
      })
      if (answer.kind === 'overloaded') return { refused: 'overloaded', retryAfterSeconds: 1 }
      if (answer.kind === 'unknown_subscription') return undefined
      return JSON.stringify({
        is_paused: answer.isPaused,
        slots: answer.slots.map((slot) => ({ ...heldLine(slot), ...counted(slot) })),
        batches: answer.batches.map(batchLine),
        retries: answer.retries.map(retryLine),
      })
    }),
})

const confirm = endpoint({
  ...shared,
  name: 'subscription_confirm',
  path: '/subscriptions/{name}/confirm',
  summary: 'Say what took effect',
  description:
    'One status a line. already_confirmed: nothing to do. out_of_order: confirm the batch before it first. ' +
    'lost_lease: another instance owns the slot, drop what is in hand of it. cursor_diverged: the position holds ' +
    'something else than what was fetched (the database lost commits in a failover), fetch again.',
  request: schemas.confirmSubscriptionRequest,
  response: schemas.confirmSubscriptionResponse,
  examples: examples.confirmSubscriptionExample,
  run: (body, ports, _view, { path }) =>
    onSubscription(ports, path, async (remote, subscription) => {
      const answer = await remote.confirm({
        subscription,
        instance: toUuid(body.instance_uuid),
        leaseMs: body.lease_seconds * 1000,
        batches: (body.batches ?? []).map((line) => ({
          ...heldOf(line),
          after: BigInt(line.after),
          position: BigInt(line.position),
          entry: line.entry,
        })),
        streams: (body.streams ?? []).map((line) => ({
          ...heldOf(line),
          stream: toUuid(line.stream_uuid),
          nextNumber: line.next_number,
        })),
      })
      if (answer === undefined) return undefined
      const lines = (outcomes: readonly string[]) => outcomes.map((status) => ({ status }))
      return JSON.stringify({ batches: lines(answer.batches), streams: lines(answer.streams) })
    }),
})

const nack = endpoint({
  ...shared,
  name: 'subscription_nack',
  path: '/subscriptions/{name}/nack',
  summary: 'Set a stream aside whose event failed',
  description:
    'Events of the stream before this one took effect; this one and all later ones come again as a retry, after a ' +
    'pause that grows, while the lane goes on. Drop the later ones that are in hand, then confirm the batch; to refuse ' +
    'them as well changes nothing. Send it while no fetch of this instance is under way. ' +
    'After 8 attempts the stream is parked until an operator retries or skips. ' +
    'event_unknown: the stream has no readable event of this number in this part.',
  request: schemas.nackSubscriptionRequest,
  response: schemas.nackSubscriptionResponse,
  examples: examples.nackSubscriptionExample,
  run: (body, ports, _view, { path }) =>
    onSubscription(ports, path, async (remote, subscription) => {
      const awaited = body.awaited
      const status = await remote.nack({
        ...heldOf(body),
        subscription,
        stream: toUuid(body.stream_uuid),
        number: body.number,
        error: body.error,
        received: BigInt(body.received),
        ...(awaited && { awaited: { kind: awaited.kind, stream: toUuid(awaited.stream_uuid) } }),
      })
      return status === undefined ? undefined : JSON.stringify({ status })
    }),
})

const extend = endpoint({
  ...shared,
  name: 'subscription_extend',
  path: '/subscriptions/{name}/extend',
  summary: 'Renew the lease during long work',
  description: 'paused: an operator paused the subscription; finish what is in hand, the next fetch gives slots back.',
  request: schemas.extendSubscriptionRequest,
  response: schemas.extendSubscriptionResponse,
  examples: examples.extendSubscriptionExample,
  run: (body, ports, _view, { path }) =>
    onSubscription(ports, path, async (remote, subscription) => {
      const request = { subscription, instance: toUuid(body.instance_uuid), leaseMs: body.lease_seconds * 1000 }
      const status = await remote.extend(request)
      return status === undefined ? undefined : JSON.stringify({ status })
    }),
})

const release = endpoint({
  ...shared,
  name: 'subscription_release',
  path: '/subscriptions/{name}/release',
  summary: 'Give slots back before the lease ends',
  description:
    'For a consumer that stops: the others go on at once. Slots that are not its own any more are left alone.',
  request: schemas.releaseSubscriptionRequest,
  response: schemas.releaseSubscriptionResponse,
  examples: examples.releaseSubscriptionExample,
  run: (body, ports, _view, { path }) =>
    onSubscription(ports, path, async (remote, subscription) => {
      const slots = body.slots.map(heldOf)
      const status = await remote.release({ subscription, instance: toUuid(body.instance_uuid), slots })
      return status === undefined ? undefined : JSON.stringify({ status })
    }),
})

export const subscriptionEndpoints: readonly Endpoint[] = [create, fetch, confirm, nack, extend, release]

const namePattern = new RegExp(schemas.subscriptionNamePattern)

/** `undefined` from `work` says that there is no such subscription. */
async function onSubscription(
  { remote }: ApiPorts,
  { name = '' }: PathNames,
  work: (remote: RemoteAccess, name: string) => Promise<string | Refusal | undefined>,
): Promise<string | Refusal> {
  if (!namePattern.test(name)) return refuse('body_invalid', [`the name in the path must match ${namePattern.source}`])
  const answer = remote === undefined ? undefined : await work(remote, name)
  return answer ?? refuse('subscription_unknown')
}

interface HeldLine extends SlotKey {
  readonly token_uuid: string
}

function heldOf({ part, lane, token_uuid: token }: HeldLine): SlotKey & { readonly token: Uuid } {
  return { part, lane, token: toUuid(token) }
}

function heldLine({ part, lane, token }: SlotKey & { readonly token: Uuid }): HeldLine {
  return { part, lane, token_uuid: token }
}

function counted({ epoch, position }: { readonly epoch: bigint; readonly position: bigint }): object {
  return { epoch: String(epoch), position: String(position) }
}

function batchLine(batch: RemoteBatch): object {
  const { after, position, entry, events } = batch
  return { ...heldLine(batch), after: String(after), position: String(position), entry, events: events.map(eventLine) }
}

function retryLine(retry: RemoteRetry): object {
  const { stream, attempts, nextNumber, events } = retry
  return {
    ...heldLine(retry),
    stream_uuid: stream,
    attempts,
    next_number: nextNumber,
    events: events.map(eventLine),
  }
}

function eventLine({ kind, stream, number, eventUuid, type, data }: StoredEvent): object {
  return {
    [`${kind}_uuid`]: stream,
    sequence_number: number,
    event_uuid: eventUuid,
    event_type: type,
    event_data: data,
  }
}
