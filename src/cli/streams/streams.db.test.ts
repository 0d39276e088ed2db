import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, test } from 'node:test'
import { Command } from 'commander'
import type pg from 'pg'
import { openRemoteAccess, type RemoteAccess } from '#crew/remote-access.ts'
import { registerSubscription } from '#crew/slots.ts'
import type { StreamEvent } from '#domain/events.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { OpenedLog } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { createMigratedDatabase } from '#operate/test-database.ts'
import { openPool } from '#platform/postgres.ts'
import type { TestDatabase } from '#platform/test-database.ts'
import { streamsCommand } from './command.ts'

let database: TestDatabase
let pool: pg.Pool
let log: OpenedLog
let remote: RemoteAccess
before(async () => {
  database = await createMigratedDatabase()
  pool = openPool(database.url, { name: 'test', connectionsMax: 4 })
  log = await openLog(pool)
  remote = openRemoteAccess({ pool, log })
})
after(async () => {
  remote.close()
  await log.close()
  await pool.end()
  await database.drop()
})

/** What the command prints; it rejects as the command line would end with a message. */
async function run(...words: readonly string[]): Promise<string> {
  const printed: string[] = []
  const tools = { databaseUrl: () => database.url, write: (text: string) => void printed.push(text) }
  const program = new Command('biglearn').addCommand(quiet(streamsCommand(tools)))
  await quiet(program).parseAsync(['streams', ...words], { from: 'user' })
  return printed.join('')
}

/** Throws in place of ending the process, prints nothing. */
function quiet(command: Command): Command {
  command.exitOverride().configureOutput({ writeErr: () => undefined })
  command.commands.forEach(quiet)
  return command
}

const by = ['--reason', 'a test', '--actor', 'ada']
const newCourse = (): Uuid => toUuid(randomUUID())

async function append(stream: Uuid, ...numbers: readonly number[]): Promise<void> {
  const events = numbers.map(
    (number): StreamEvent => ({
      kind: 'course',
      stream,
      number,
      eventUuid: toUuid(randomUUID()),
      type: number === 0 ? 'create_course' : 'record_response',
      data: { course_uuid: stream, sequence_number: number },
    }),
  )
  assert.equal((await log.append(events)).kind, 'stored')
}

const instance = { instance: toUuid(randomUUID()), leaseMs: 30_000 }

async function fetchAll(subscription: string) {
  const answer = await remote.fetch({ subscription, ...instance, waitMs: 0, eventsMax: 1000, received: [] })
  assert(answer.kind === 'fetched', 'the subscription exists')
  return answer
}

/** A subscription that has set `stream` aside at number 1. */
async function setAside(subscription: string, stream: Uuid): Promise<void> {
  await remote.create({ name: subscription, kinds: ['course'], startsAt: 'now' })
  await append(stream, 0, 1, 2)
  const batch = (await fetchAll(subscription)).batches[0]
  assert(batch !== undefined, 'the course has events')
  const { part, lane, token, position: received } = batch
  const failure = { part, lane, token, stream, number: 1, received, error: 'it failed\nhere' }
  assert.equal(await remote.nack({ subscription, ...failure }), 'set_aside')
  await remote.confirm({ subscription, ...instance, batches: [batch], streams: [] })
}

async function audits(subscription: string): Promise<string[]> {
  const found = await pool.query<{ line: string }>(
    `select concat_ws(' ', action, actor, reason) as line from subscription_audit where subscription = $1 order by at`,
    [subscription],
  )
  return found.rows.map(({ line }) => line)
}

test('status and blocked show what is missing; repair fills it through the log, and says who and why', async () => {
  const course = newCourse()
  await append(course, 0, 1)
  await append(course, 3)
  await append(course, 6)
  const missing = new RegExp(`^${course} +2 +7 +2, 4-5 +\\d+ s$`, 'm')
  assert.match(await run('status', course), missing)
  assert.match(await run('blocked'), new RegExp(`^course +${course} +2 +7 +\\d+ s$`, 'm'))
  assert.deepEqual(JSON.parse(await run('blocked', '--json'))[0].stream, course)

  const range = ['repair', course, '--from', '1', '--to', '4', ...by]
  assert.equal(await run(...range, '--dry-run'), 'would fill 2, 4\n')
  assert.match(await run('status', course), missing)
  assert.equal(await run(...range), 'filled 2, 4\nstill missing: 5\n')
  assert.equal(await run('repair', course, '--from', '5', '--to', '5', ...by), 'filled 5\nthe stream has no gap now\n')
  assert.match(await run('status', course), new RegExp(`^${course} +7 +7 +nothing +-$`, 'm'))
  assert.equal(await run('blocked'), 'no stream is blocked\n')
  const types = (await log.readStream('course', course, { from: 0, eventsMax: 9, bytesMax: 9e6 })).map(
    ({ type }) => type,
  )
  assert.deepEqual(
    types.flatMap((type, number) => (type === 'no_op' ? [number] : [])),
    [2, 4, 5],
  )
  const [last, first] = await log.audits('course', course, 9)
  assert.deepEqual([first?.actor, first?.reason, first?.detail['numbers']], ['ada', 'a test', [2, 4]])
  assert.deepEqual(last?.detail['numbers'], [5])
  await assert.rejects(run(...range), /nothing is missing from 1 to 4/)
})

test('a repair longer than the log fills at once goes on to its end', async () => {
  const course = newCourse()
  await append(course, 0)
  await append(course, 1200)
  const answer = await run('repair', course, '--from', '1', '--to', '1199', ...by)
  assert.equal(answer, 'filled 1-1199\nthe stream has no gap now\n')
})

test('of more than a thousand gaps the later ones were said not to be there', async () => {
  const course = newCourse()
  await append(course, ...Array.from({ length: 1100 }, (_, index) => 2 * index))
  assert.equal(
    await run('repair', course, '--from', '2190', '--to', '2200', '--dry-run', ...by),
    'would fill 2191, 2193, 2195, 2197\n',
  )
  assert.match(await run('repair', course, '--from', '2190', '--to', '2200', ...by), /^filled 2191, 2193, 2195, 2197\n/)
})

test('an unknown course is told apart from one without gaps', async () => {
  const course = newCourse()
  assert.match(await run('status', course), /unknown stream/)
  assert.equal(JSON.parse(await run('status', course, '--json'))[0].isKnown, false)
})

test('subscriptions shows lag, owners and who is paused; pause and resume are audited', async () => {
  await remote.create({ name: 'lagging', kinds: ['course'], startsAt: 'now' })
  await append(newCourse(), 0)
  assert.match(await run('subscriptions'), /^lagging +remote +running +1 +\d+ s +0 +64 +64 +0$/m)
  await fetchAll('lagging')
  const owned = await run('subscriptions')
  assert.match(owned, /^lagging +remote +running +1 +\d+ s +0 +64 +0 +1$/m)
  assert.match(owned, new RegExp(`^lagging +${instance.instance} +64 +remote`, 'm'))
  assert.equal(await run('pause', 'lagging', ...by), 'lagging is paused\n')
  assert.equal((await fetchAll('lagging')).isPaused, true)
  const line = JSON.parse(await run('subscriptions', '--json')).find((one: { name: string }) => one.name === 'lagging')
  assert.deepEqual([line.isPaused, line.behind, line.unownedSlots], [true, '1', 64])
  assert.equal(await run('resume', 'lagging', ...by), 'lagging is running\n')
  assert.deepEqual(await audits('lagging'), ['pause ada a test', 'resume ada a test'])
})

test('parked lists what waits; retry tries it again, skip goes over the one event', async () => {
  const course = newCourse()
  await setAside('failing', course)
  await pool.query(`update course_exception set state = 'parked', attempts = 8 where subscription = 'failing'`)
  assert.match(await run('parked'), new RegExp(`^failing +${course} +parked +1 +8 +\\d+ s +it failed here$`, 'm'))
  assert.deepEqual((await fetchAll('failing')).retries, [])

  await run('retry', 'failing', course, ...by)
  const [retry] = (await fetchAll('failing')).retries
  assert.deepEqual(
    retry?.events.map(({ number }) => number),
    [1, 2],
  )
  await assert.rejects(run('skip', 'failing', course, '--number', '2', ...by), /did not stop at 2 but at 1/)
  assert.equal(await run('skip', 'failing', course, '--number', '1', ...by), `${course} goes on after 1\n`)
  const [skipped] = (await fetchAll('failing')).retries
  assert.deepEqual(
    skipped?.events.map(({ number, type }) => `${number} ${type}`),
    ['1 no_op', '2 record_response'],
  )
  assert.deepEqual(await audits('failing'), ['retry ada a test', 'skip ada a test'])
  await assert.rejects(run('retry', 'failing', newCourse(), ...by), /is not set aside for "failing"/)
})

test('replay gives a course again, or everything; what the server folds itself is not replayed', async () => {
  const [course, other] = [newCourse(), newCourse()]
  await remote.create({ name: 'again', kinds: ['course'], startsAt: 'now' })
  await append(course, 0, 1, 2)
  await append(other, 0)
  const { batches } = await fetchAll('again')
  await remote.confirm({ subscription: 'again', ...instance, batches, streams: [] })
  assert.deepEqual((await fetchAll('again')).batches, [])

  assert.equal(await run('replay', 'again', course, '--from', '1', ...by), `again gets ${course} from 1 again\n`)
  const [replayed] = (await fetchAll('again')).retries
  assert.deepEqual(
    replayed?.events.map(({ number }) => number),
    [1, 2],
  )
  await assert.rejects(run('replay', 'again', course, ...by), /is set aside already/)
  for (const option of ['--from=1', '--kind=course']) {
    const forgotten = run('replay', 'again', option, '--json', ...by)
    await assert.rejects(forgotten, /--(from|kind) is about one stream, and none is named/, 'reset everything')
  }
  assert.equal(await run('replay', 'again', ...by), 'again gets everything again\n')
  // More than one answer holds: the other tests of this file wrote events as well.
  const events: StreamEvent[] = []
  for (;;) {
    const { batches: some } = await fetchAll('again')
    if (some.length === 0) break
    events.push(...some.flatMap((batch) => batch.events))
    await remote.confirm({ subscription: 'again', ...instance, batches: some, streams: [] })
  }
  for (const [stream, numbers] of [
    [course, [0, 1, 2]],
    [other, [0]],
  ] as const) {
    assert.deepEqual(
      events.filter((event) => event.stream === stream).map(({ number }) => number),
      numbers,
    )
  }
  assert.deepEqual(await audits('again'), ['replay ada a test', 'reset ada a test'])

  const embedded = { name: 'own', kinds: ['course'], mode: 'embedded', startsAt: 'beginning' } as const
  await registerSubscription(pool, embedded, () => log.laneHeads())
  await assert.rejects(run('replay', 'own', ...by), /the server's own/)
})

test('a subscription that nobody needs any more could not be deleted', async () => {
  await setAside('done with', newCourse())
  const would = /"done with" would be forgotten \(running instances: 1, behind: 0, set aside: 1\)/
  await assert.rejects(run('delete', 'done with', ...by), would)
  assert.match(await run('subscriptions'), /^done with +remote/m)
  await assert.rejects(run('delete', 'done with', '--yes'), /--reason/)
  assert.equal(await run('delete', 'done with', '--yes', ...by), 'done with is deleted\n')
  assert.doesNotMatch(await run('subscriptions'), /done with/)
  assert.deepEqual(await audits('done with'), ['delete ada a test'])
  await assert.rejects(run('delete', 'done with', '--yes', ...by), /there is no subscription "done with"/)
  const embedded = { name: 'the server', kinds: ['course'], mode: 'embedded', startsAt: 'beginning' } as const
  await registerSubscription(pool, embedded, () => log.laneHeads())
  await assert.rejects(run('delete', 'the server', '--yes', ...by), /the server's own/)
})

test('mistakes are named before anything is changed', async () => {
  await assert.rejects(run('pause', 'nobody', ...by), /there is no subscription "nobody"/)
  await assert.rejects(run('status', 'not-a-uuid'), /must be a uuid/)
  await assert.rejects(run('pause', 'lagging'), /required option '--reason <text>'/)
  await assert.rejects(run('repair', newCourse(), '--from', '5', '--to', '4', ...by), /--from is beyond --to/)
  await assert.rejects(
    run('skip', 'failing', newCourse(), '--number', '-1', ...by),
    /must be a whole number from 0 to 2147483647/,
  )
})

test('lane gives a course a lane of its own, with slots for every subscription; lanes shows it', async () => {
  const course = newCourse()
  await remote.create({ name: 'lane reader', kinds: ['course'], startsAt: 'now' })
  await assert.rejects(run('lane', course, 'dedicated', ...by), /nothing is known of course/)
  await append(course, 0)
  await assert.rejects(run('lane', course, 'dedicated'), /--reason/)
  await assert.rejects(run('lane', course, 'mine', ...by), /must be auto, shared, dedicated/)
  for (const wrong of ['dedicated:', 'dedicated:1', 'dedicated:33', 'dedicated:4.5', 'dedicated:x', 'shared:4']) {
    await assert.rejects(run('lane', course, wrong, ...by), /dedicated:K with K from 2 to 32/, wrong)
  }
  const part = partOf('course', course)
  assert.equal(await run('lane', course, 'dedicated', ...by), `${course} is dedicated and has lane 1 of part ${part}\n`)
  await append(course, 1, 2)
  const shown = await run('lanes')
  assert.match(shown, new RegExp(`^${part} +1 +${course} +dedicated +-$`, 'm'))
  assert.match(shown, new RegExp(`^lane reader +${part} +1 +nobody +1 +\\d+ s +0$`, 'm'))
  await append(course, 5)
  await setAside('lane trouble', newCourse())
  assert.match(await run('lanes'), new RegExp(`^${course} +3 +\\d+ s$`, 'm'))
  assert.match(await run('lanes'), /lane trouble +retry +1 +it failed$/m)
  const read = JSON.parse(await run('lanes', '--json'))
  assert.deepEqual(read.courses[0].stream, course)
  assert.equal(await run('lane', course, 'auto', ...by), `${course} is auto and has lane 1 of part ${part}\n`)
  const four = await run('lane', course, 'dedicated:4', ...by)
  assert.equal(four, `${course} is dedicated:4 and has lane 1 of part ${part}\n`)
  assert.match(await run('lanes'), new RegExp(`^${part} +1 +${course} +dedicated:4 +-$`, 'm'))
  assert.equal(await run('lane', course, 'shared', ...by), `${course} is shared and shares lane 0 of part ${part}\n`)
  const lines = await log.audits('course', course, 9)
  assert.deepEqual(
    lines.map(({ action, actor, reason }) => `${action} ${actor} ${reason}`).filter((line) => line.startsWith('lane')),
    Array(4).fill('lane policy ada a test'),
  )
})
