import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { CourseLoad } from '../support/course-load.ts'
import { DatabaseServer } from '../support/database-server.ts'
import { type Program, startProgram } from '../support/program.ts'
import { RemoteReader } from '../support/remote-reader.ts'

/*
 * Reads by way of replicas that lag, stop, or differ in age: what they show is shorter, never wrong (streams.md §6, 61
 * and 66; operations.md OP-T1 to T3).
 */
let primary: DatabaseServer
let standbys: DatabaseServer[] = []
/** Takes whatever a replica shows, however old. */
let patient: Program
/** Wants it at most a second old. */
let strict: Program

before(async () => {
  primary = await DatabaseServer.create()
  await migrate(primary.url, await readMigrations())
  standbys = [
    await DatabaseServer.createStandby(primary, 'second'),
    await DatabaseServer.createStandby(primary, 'third'),
  ]
  const hosts = standbys.map(({ port }) => `127.0.0.1:${port}`).join(',')
  const readerUrl = primary.url.replace(new URL(primary.url).host, hosts)
  const start = (lagMs: number) =>
    startProgram({
      databaseUrl: primary.url,
      roles: 'api',
      environment: { DATABASE_READER_URL: readerUrl, BIGLEARN_REPLICA_LAG_MS: String(lagMs) },
    })
  ;[patient, strict] = await Promise.all([start(600_000), start(1000)])
  for (const program of [patient, strict]) {
    while ((await readsBy(program))['reader asked'] === 0) {
      await fetchMetadatas(program)
      await sleep(50)
    }
  }
})
after(async () => {
  await Promise.all([patient, strict].map((program) => program?.kill()))
  for (const server of [...standbys, primary]) await server?.remove()
})

async function readsBy(program: Program): Promise<Record<string, number>> {
  const text = await (await fetch(`${program.url}/metrics`)).text()
  const lines = text.matchAll(/^biglearn_reads_total\{target="(\w+)",reason="(\w+)"\} (\d+)$/gm)
  return Object.fromEntries([...lines].map(([, target, reason, count]) => [`${target} ${reason}`, Number(count)]))
}

async function grownBy(program: Program, work: () => Promise<unknown>): Promise<Record<string, number>> {
  const before = await readsBy(program)
  await work()
  const after = await readsBy(program)
  return Object.fromEntries(Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]))
}

async function post(program: Program, path: string, body: object, headers: Record<string, string> = {}) {
  const answer = await fetch(`${program.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  assert.equal(answer.status, 200, text)
  return { body: JSON.parse(text), position: answer.headers.get('biglearn-position') ?? undefined }
}

function fetchMetadatas(program: Program) {
  return post(program, '/fetch_course_metadatas', { metadata_sequence_number_offset: 0, max_num_metadatas: 1000 })
}

async function fetchEvents(program: Program, course: string, position?: string) {
  const line = { request_uuid: randomUUID(), course_uuid: course, sequence_number_offset: 0 }
  const body = { course_event_requests: [line], max_num_events: 1000 }
  const answer = await post(program, '/fetch_course_events', body, position ? { 'biglearn-position': position } : {})
  const [response] = answer.body.course_event_responses
  const numbers: number[] = response.events.map((event: { sequence_number: number }) => event.sequence_number)
  return { numbers, isGap: response.is_gap, isEnd: response.is_end }
}

const loadOn = (program: Program, seed: string) => new CourseLoad({ urls: () => [program.url], courses: 4, seed })

async function whilePaused(servers: readonly DatabaseServer[], work: () => Promise<void>): Promise<void> {
  for (const server of servers) await server.query('select pg_wal_replay_pause()')
  for (const server of servers) {
    const isPaused = async () =>
      (await server.query<{ state: string }>('select pg_get_wal_replay_pause_state() as state'))[0]?.state === 'paused'
    while (!(await isPaused())) await sleep(10)
  }
  try {
    await work()
  } finally {
    for (const server of servers) await server.query('select pg_wal_replay_resume()')
    await primary.untilFollowed()
  }
}

describe('reads by way of replicas', { timeout: 120_000 }, () => {
  test('[S61] a replica that lags shows a shorter prefix without a hole; the primary confirms it', async () => {
    const load = loadOn(patient, 'S61')
    load.start()
    await load.more(200)
    await load.finish()
    await primary.untilFollowed()
    const before = new Map(load.courses.map((course) => [course, load.promised(course).length]))
    const reader = new RemoteReader(patient.url, 's61')
    const instance = randomUUID()
    await reader.create()
    await whilePaused(standbys, async () => {
      load.start()
      await load.more(200)
      await load.finish()
      const grown = await grownBy(patient, async () => {
        for (const course of load.courses) {
          const { numbers, isGap } = await fetchEvents(patient, course)
          assert.deepEqual(numbers, [...numbers.keys()])
          assert.equal(numbers.length, before.get(course))
          assert.equal(isGap, false)
        }
      })
      assert.ok((grown['reader asked'] ?? 0) >= load.courses.length)
      assert.equal(grown['writer lag'], 0)
      const outcomes = new Set<string>()
      for (;;) {
        const fetched = await reader.fetchAs(instance)
        reader.apply(fetched)
        if (fetched.batches.length === 0) break
        for (const outcome of await reader.confirm(instance, fetched.batches)) outcomes.add(outcome)
      }
      assert.deepEqual([...outcomes], ['confirmed'])
      for (const course of load.courses) assert.equal(reader.applied.get(course)?.length, before.get(course))
    })
    await reader.readAll(load, instance)
  })

  test('[OP-T1] a replica that is too old serves nothing', async () => {
    const load = loadOn(strict, 'OP-T1')
    await whilePaused(standbys, async () => {
      load.start()
      await load.more(20)
      // Two heartbeats that the replicas do not get.
      await sleep(2500)
      await load.finish()
      const grown = await grownBy(strict, async () => {
        for (const course of load.courses) assert.deepEqual(await load.stored(course), load.promised(course))
      })
      assert.equal(grown['reader asked'], 0)
      assert.ok((grown['writer lag'] ?? 0) >= load.courses.length)
    })
  })

  test('[OP-T2] who names the position of its write sees it', async () => {
    const load = loadOn(patient, 'OP-T2')
    load.start()
    await load.more(20)
    await load.finish()
    await primary.untilFollowed()
    const [course = ''] = load.courses
    const promised = load.promised(load.courses[0] ?? assert.fail())
    const line = { request_uuid: randomUUID(), course_uuid: course, sequence_number: promised.length, reason: 'test' }
    await whilePaused(standbys, async () => {
      const { position } = await post(patient, '/record_no_ops', { no_ops: [line] })
      assert.equal((await fetchEvents(patient, course)).numbers.length, promised.length)
      const grown = await grownBy(patient, async () => {
        assert.equal((await fetchEvents(patient, course, position)).numbers.length, promised.length + 1)
      })
      assert.equal(grown['writer position'], 1)
    })
    const { position } = await post(patient, '/record_no_ops', { no_ops: [line] })
    await primary.untilFollowed()
    const grown = await grownBy(patient, async () => {
      assert.equal((await fetchEvents(patient, course, position)).numbers.length, promised.length + 1)
    })
    assert.equal(grown['writer position'], 0)
    const refused = await fetch(`${patient.url}/fetch_course_events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'biglearn-position': `0/0'; select 1` },
      body: JSON.stringify({ course_event_requests: [], max_num_events: 1 }),
    })
    assert.equal(refused.status, 400)
  })

  test('[S66] two replicas of different age never answer one read together', async () => {
    const load = loadOn(patient, 'S66')
    load.start()
    await load.more(20)
    await load.finish()
    const [first = assert.fail()] = load.courses
    const length = load.promised(first).length
    const noOp = (number: number) => ({
      no_ops: [{ request_uuid: randomUUID(), course_uuid: first, sequence_number: number, reason: 'test' }],
    })
    // Number `length` is missing and the next one waits: on the older replica for ever, on the other one not.
    await post(patient, '/record_no_ops', noOp(length + 1))
    await primary.untilFollowed()
    await whilePaused(standbys.slice(0, 1), async () => {
      await post(patient, '/record_no_ops', noOp(length))
      await sleep(200)
      const seen = new Set<number>()
      const reads = Array.from({ length: 60 }, () => fetchEvents(patient, first))
      for (const { numbers, isGap, isEnd } of await Promise.all(reads)) {
        assert.deepEqual(numbers, [...numbers.keys()])
        seen.add(numbers.length)
        const isOld = numbers.length === length
        assert.deepEqual({ isGap, isEnd }, { isGap: isOld, isEnd: !isOld })
      }
      assert.deepEqual(
        [...seen].sort((one, other) => one - other),
        [length, length + 2],
        'both replicas were read',
      )
    })
  })

  test('a replica that is gone is done without', async () => {
    const load = loadOn(strict, 'gone')
    load.start()
    await load.more(20)
    for (const standby of standbys) await standby.kill()
    await load.more(20)
    await load.finish()
    for (const course of load.courses) assert.deepEqual(await load.stored(course), load.promised(course))
  })
})
