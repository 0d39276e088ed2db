import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { type FetchAnswer, type RemoteBatch, RemoteSubscriptions } from './remote.ts'
import { confirmRemote, nackRemote, releaseRemote } from './remote-confirm.ts'
import type { TestCrew } from './test-crew.ts'
import { TestLanes } from './test-lanes.ts'

export type Fetched = Extract<FetchAnswer, { kind: 'fetched' }>

/** One consumer instance that can do everything a program over HTTP can. */
export class Instance {
  readonly id = toUuid(randomUUID())
  readonly #crew: TestCrew
  readonly #remote: RemoteSubscriptions
  readonly #source: TestLanes
  readonly #name: string

  constructor(crew: TestCrew, remote: RemoteSubscriptions, source: TestLanes, name: string) {
    this.#crew = crew
    this.#remote = remote
    this.#source = source
    this.#name = name
  }

  async fetch(
    options: { waitMs?: number; eventsMax?: number; received?: RemoteBatch[]; leaseMs?: number } = {},
  ): Promise<Fetched> {
    const answer = await this.#remote.fetch({
      subscription: this.#name,
      instance: this.id,
      leaseMs: options.leaseMs ?? 30_000,
      waitMs: options.waitMs ?? 0,
      eventsMax: options.eventsMax ?? 500,
      received: options.received ?? [],
    })
    assert(answer.kind === 'fetched', 'the subscription exists')
    return answer
  }

  confirm(batches: readonly RemoteBatch[], streams: Parameters<typeof confirmRemote>[1]['streams'] = []) {
    const context = { pool: this.#crew.admin, source: this.#source }
    return confirmRemote(context, { subscription: this.#name, instance: this.id, leaseMs: 30_000, batches, streams })
  }

  nack(batch: { part: number; lane: number; token: Uuid }, stream: Uuid, number: number, received: bigint) {
    const { part, lane, token } = batch
    const context = { pool: this.#crew.admin, source: this.#source }
    const what = { stream, number, received, error: 'it failed' }
    return nackRemote(context, { subscription: this.#name, part, lane, token, ...what })
  }

  release(slots: Fetched['slots']) {
    const context = { pool: this.#crew.admin, source: this.#source }
    return releaseRemote(context, { subscription: this.#name, instance: this.id, slots })
  }
}

export async function openRemote(
  crew: TestCrew,
  name: string,
  parts: number,
  eventTypes?: ('record_response' | 'no_op')[],
) {
  const lanes = new TestLanes(parts)
  const remote = new RemoteSubscriptions({ pool: crew.admin, source: lanes, parts })
  await remote.create({
    name,
    kinds: ['course'],
    startsAt: 'beginning',
    ...(eventTypes === undefined ? {} : { eventTypes }),
  })
  return { lanes, remote, instance: () => new Instance(crew, remote, lanes, name) }
}
