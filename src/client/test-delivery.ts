import { createClient } from './client.ts'
import { createDelivery, type DeliveryOptions } from './delivery.ts'
import { createFakeServer, type FakeRequest, type FakeServerOptions } from './fake/server.ts'
import type { Incident, OutboxEntry, OutboxEvent } from './outbox.ts'
import { createMemoryOutbox } from './outbox-memory.ts'
import { instantClock, unexpected } from './test-outbox.ts'

interface Setup extends Pick<FakeServerOptions, 'intercept' | 'tokens'> {
  readonly delivery?: Partial<DeliveryOptions>
  readonly token?: string
}

/** An outbox, its sender and the server, in memory; time passes only when somebody sleeps. */
export function setUp({ delivery: changes = {}, token = 'secret', ...server }: Setup = {}) {
  const fake = createFakeServer(server)
  const clock = instantClock()
  const outbox = createMemoryOutbox(clock)
  const client = createClient({
    url: 'http://biglearn.test',
    fetch: fake.fetch,
    clock,
    random: () => 1,
    tokens: { api: token },
  })
  const incidents: { entry: OutboxEntry; incident: Incident }[] = []
  const delivery = createDelivery({
    store: outbox,
    transport: client.transport,
    clock,
    onIncident: (entry, incident) => incidents.push({ entry, incident }),
    onHalt: unexpected.onHalt,
    ...changes,
  })
  const enqueue = (...events: OutboxEvent[]) =>
    outbox.transaction(async (transaction) => await outbox.enqueue(transaction, events))
  return { fake, clock, outbox, client, delivery, incidents, enqueue }
}

const time = '2026-03-01T08:00:00Z'

/** For an event of somebody else, which takes the first number after the creation. */
export const dates = { sequence_number: 1, starts_at: time, ends_at: time, updated_at: time }

export const sentTo = (requests: readonly FakeRequest[], endpoint: string) =>
  requests.filter((request) => request.endpoint === endpoint)

export const unavailable = () => new Response('{"errors":["full"]}', { status: 503, headers: { 'Retry-After': '3' } })
