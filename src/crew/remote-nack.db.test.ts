import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { listSetAside } from './control.ts'
import { blockedAtOnce } from './failure.ts'
import type { RemoteBatch } from './remote.ts'
import { TestCrew } from './test-crew.ts'
import { newStream } from './test-lanes.ts'
import { type Fetched, type Instance, openRemote } from './test-remote.ts'

/* What becomes of a stream of which a program of another process refuses events. */
let crew: TestCrew
before(async () => {
  crew = await TestCrew.open()
})
after(() => crew.close())

const numbersOf = (answer: Fetched): number[] =>
  answer.batches.flatMap((batch) => batch.events.map((event) => event.number))

test('a nack sets one stream aside; it is owed everything from the failed event on, in order', async () => {
  const { lanes, instance } = await openRemote(crew, 'nack', 1)
  const [bad, good, consumer] = [newStream(), newStream(), instance()]
  lanes.add(bad, 3)
  lanes.add(good, 1)
  const answer = await consumer.fetch()
  const [batch] = answer.batches
  assert(batch !== undefined, 'one lane, one batch')
  assert.equal(await consumer.nack(batch, bad, 1, batch.position), 'set_aside')
  lanes.add(bad, 2)
  lanes.add(good, 1)
  await consumer.confirm([batch])
  const next = await consumer.fetch()
  assert.deepEqual(
    next.batches.flatMap((one) => one.events.map((event) => event.stream)),
    [good],
  )
  await consumer.confirm(next.batches)
  await crew.admin.query(`update course_exception set next_at = now() where subscription = 'nack'`)
  const [retry] = (await consumer.fetch()).retries
  assert(retry !== undefined, 'the stream is due')
  assert.deepEqual(
    retry.events.map((event) => event.number),
    [1, 2, 3, 4],
  )
  assert.deepEqual((await consumer.fetch()).retries, [], 'handed out once a lease')
  assert.equal(await consumer.nack(retry, bad, 3, 0n), 'set_aside')
  assert.deepEqual((await listSetAside(crew.admin, 'nack', 1))[0]?.nextNumber, 3)
  assert.deepEqual((await consumer.confirm([], [{ ...retry, nextNumber: 5 }])).streams, ['confirmed'])
  assert.deepEqual(await listSetAside(crew.admin, 'nack', 1), [])
  lanes.add(bad, 1)
  assert.deepEqual(numbersOf(await consumer.fetch()), [5], 'with its lane again')
})

/** What is set aside comes again at once. */
async function retriesOf(name: string, consumer: Instance, received: RemoteBatch[] = []): Promise<Fetched['retries']> {
  await crew.admin.query(`update course_exception set next_at = now() where subscription = $1`, [name])
  return (await consumer.fetch({ received })).retries
}

test('a consumer that refused every event after the failed one lost all but the last', async () => {
  const { lanes, instance } = await openRemote(crew, 'refused', 1)
  const [bad, consumer] = [newStream(), instance()]
  lanes.add(bad, 7)
  await consumer.confirm((await consumer.fetch()).batches)
  lanes.add(bad, 3)
  const [batch] = (await consumer.fetch()).batches
  assert(batch !== undefined, 'one lane, one batch')
  const refuseFrom = async (held: typeof batch | Fetched['retries'][number], received: bigint, first: number) => {
    for (const { number } of held.events) {
      if (number >= first) assert.equal(await consumer.nack(held, bad, number, received), 'set_aside')
    }
  }
  await refuseFrom(batch, batch.position, 7)
  await consumer.confirm([batch])
  const [retry] = await retriesOf('refused', consumer)
  assert.deepEqual(
    retry?.events.map(({ number }) => number),
    [7, 8, 9],
  )
  // The same of a retry, in which the first event now takes effect.
  assert(retry !== undefined, 'the stream is due')
  await refuseFrom(retry, 0n, 8)
  const [aside] = await listSetAside(crew.admin, 'refused', 1)
  assert.deepEqual([aside?.nextNumber, aside?.untilNumber, aside?.attempts], [8, 10, 1])
  const [rest] = await retriesOf('refused', consumer)
  assert(rest !== undefined, 'the stream is due')
  await refuseFrom(rest, 0n, 8)
  assert.equal((await listSetAside(crew.admin, 'refused', 1))[0]?.attempts, 2, 'one attempt, not two')
  const [again] = await retriesOf('refused', consumer)
  assert.deepEqual(
    again?.events.map(({ number }) => number),
    [8, 9],
  )
})

test('remote: a thousand streams that went on waiting hid the one whose book had come', async () => {
  const { lanes, instance } = await openRemote(crew, 'hidden', 1)
  const [late, book, consumer] = [newStream(), newStream(), instance()]
  lanes.add(late, 1)
  await consumer.confirm((await consumer.fetch()).batches)
  lanes.add(book, 1, 'ecosystem')
  const crowd = Array.from({ length: blockedAtOnce }, newStream)
  await crew.block('hidden', crowd.slice(1), newStream(), new Date(0))
  const moved = async () =>
    (
      await crew.admin.query(`select from course_exception where subscription = 'hidden' and next_at > $1`, [
        new Date(0),
      ])
    ).rowCount
  await consumer.fetch()
  assert.equal(await moved(), 0, 'where all can be looked at, nothing is written')
  await crew.block('hidden', crowd.slice(0, 1), newStream(), new Date(0))
  await crew.block('hidden', [late], book, new Date(1000))
  assert.deepEqual((await consumer.fetch()).retries, [])
  assert.deepEqual(
    (await consumer.fetch()).retries.map(({ stream }) => stream),
    [late],
  )
})

test('of two failures that were heard the wrong way round the first one was lost', async () => {
  const { lanes, instance } = await openRemote(crew, 'wrong_way', 1)
  const [bad, consumer] = [newStream(), instance()]
  lanes.add(bad, 3)
  const [batch] = (await consumer.fetch()).batches
  assert(batch !== undefined, 'one lane, one batch')
  for (const number of [2, 1]) assert.equal(await consumer.nack(batch, bad, number, batch.position), 'set_aside')
  await consumer.confirm([batch])
  const [retry] = await retriesOf('wrong_way', consumer)
  assert.deepEqual(
    retry?.events.map(({ number }) => number),
    [1, 2],
  )
})

test('an event that was refused from a later batch in hand was lost when its stream joined the lane before', async () => {
  const { lanes, instance } = await openRemote(crew, 'later_batch', 1)
  const [bad, consumer] = [newStream(), instance()]
  lanes.add(bad, 1)
  lanes.add(bad, 1)
  const [first] = (await consumer.fetch({ eventsMax: 1 })).batches
  assert(first !== undefined, 'there is a first batch')
  const [second] = (await consumer.fetch({ received: [first] })).batches
  assert(second !== undefined, 'there is a second batch')
  await consumer.nack(first, bad, 0, first.position)
  await consumer.nack(second, bad, 1, second.position)
  await consumer.confirm([first])
  const retries = await retriesOf('later_batch', consumer, [first, second])
  await consumer.confirm([], retries)
  await consumer.confirm([second])
  const [rest] = await retriesOf('later_batch', consumer)
  assert.deepEqual(
    rest?.events.map(({ number }) => number),
    [1],
  )
})
