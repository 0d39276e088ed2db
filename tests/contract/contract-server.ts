import { randomUUID } from 'node:crypto'
import { after, test } from 'node:test'
import { withUploaded } from '#answers/uploaded.ts'
import type { ApiConfig } from '#api/config.ts'
import type { ApiPorts } from '#api/ports.ts'
import { buildServer } from '#api/server.ts'
import { createMemoryAnswers } from '#api/testing/memory-answers.ts'
import { createMemoryPorts, testConfig } from '#api/testing/memory-ports.ts'
import { algorithmNames } from '#cli/serve/options.ts'
import { openRemoteAccess } from '#crew/remote-access.ts'
import { partsDefault } from '#domain/parts.ts'
import { createStoredResults } from '#due/stored-results.ts'
import type { OpenedLog } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { createMigratedDatabase } from '#operate/test-database.ts'
import { openPool } from '#platform/postgres.ts'
import { startTestApplication } from '../support/application.ts'

/*
 * A server under contract test, spoken to over real HTTP. Every test uses uuids of its own, so that one server (and one
 * database) serves a whole file.
 */
export interface ContractServer {
  readonly url: string
  /** Where the log is kept; absent where it is not on PostgreSQL. */
  readonly databaseUrl?: string
  post(endpoint: string, body: unknown, headers?: Record<string, string>): Promise<Answer>
  send(path: string, request: RequestInit): Promise<Answer>
  stop(): Promise<void>
}

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test reads into the answer it expects
  readonly json: any
}

/** What is behind the routes: plain maps, the log and the results on PostgreSQL, or the whole program. */
export type Backend = 'memory' | 'postgres' | 'program'
const backends: readonly Backend[] = ['memory', 'postgres', 'program']

export function startContractServer(backend: Backend): Promise<ContractServer> {
  if (backend === 'memory') return startMemoryServer()
  return backend === 'postgres' ? startPostgresServer() : startProgram()
}

export interface MemoryServer extends ContractServer {
  readonly ports: ApiPorts
}

/** For tests that bend the ports, or set the server up in another way. */
export async function startMemoryServer(changes: Partial<ApiConfig> = {}): Promise<MemoryServer> {
  const ports = createMemoryPorts()
  const server = await buildServer(ports, testConfig(changes))
  const url = await server.listen({ port: 0, host: '127.0.0.1' })
  return { ...serverAt(url, () => server.close()), ports }
}

/** Answers come from the statuses of stored events alone, as with `memory`. */
async function startPostgresServer(): Promise<ContractServer> {
  const database = await createMigratedDatabase()
  const pool = openPool(database.url, { name: 'contract', connectionsMax: 8 })
  const stored = await openLog(pool)
  const memory = createMemoryPorts()
  const results = createStoredResults({ pool, parts: partsDefault })
  const log: OpenedLog = {
    ...stored,
    // Also told to the model, from which the statuses of known subjects come.
    append: async (events) => {
      const result = await stored.append(events)
      if (result.kind === 'stored') await memory.log.append(events)
      return result
    },
  }
  const remote = openRemoteAccess({ pool, log: stored })
  const ports = { ...memory, log, results, remote, answers: withUploaded(createMemoryAnswers(memory.log.all), results) }
  const server = await buildServer(ports, testConfig())
  const stop = async (): Promise<void> => {
    remote.close()
    await server.close()
    await stored.close()
    await pool.end()
    await database.drop()
  }
  return { ...serverAt(await server.listen({ port: 0, host: '127.0.0.1' }), stop), databaseUrl: database.url }
}

/** As `biglearn serve` runs it, with answers that are computed when asked. */
async function startProgram(): Promise<ContractServer> {
  const { url, databaseUrl, stop } = await startTestApplication('api,learning', algorithmNames)
  return { ...serverAt(url, stop), databaseUrl }
}

/**
 * The same test on every backend. Tests of one file run one after the other, so `use` may keep the server in a variable
 * of the file; each backend is started when its first test runs.
 */
export function onEveryBackend(
  use: (server: ContractServer) => void,
): (name: string, body: (backend: Backend) => Promise<void>) => void {
  const servers = new Map<Backend, Promise<ContractServer>>()
  after(async () => {
    for (const server of servers.values()) await (await server).stop()
  })
  return (name, body) => {
    for (const backend of backends) {
      test(`${backend}: ${name}`, async () => {
        const server = servers.get(backend) ?? startContractServer(backend)
        servers.set(backend, server)
        use(await server)
        await body(backend)
      })
    }
  }
}

function serverAt(url: string, stop: () => Promise<void>): ContractServer {
  const send = async (path: string, request: RequestInit): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, request)
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: parse(text) }
  }
  return {
    url,
    send,
    post: (endpoint, body, headers = {}) =>
      send(`/${endpoint}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    stop,
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export const time = '2026-09-01T08:00:00.000Z'

export function course(uuid: string, changes: object = {}): object {
  return {
    course_uuid: uuid,
    ecosystem_uuid: randomUUID(),
    is_real_course: true,
    starts_at: time,
    ends_at: time,
    created_at: time,
    ...changes,
  }
}

export function response(courseUuid: string, sequenceNumber: number, changes: object = {}) {
  return {
    response_uuid: randomUUID(),
    course_uuid: courseUuid,
    sequence_number: sequenceNumber,
    ecosystem_uuid: randomUUID(),
    trial_uuid: randomUUID(),
    student_uuid: randomUUID(),
    exercise_uuid: randomUUID(),
    is_correct: true,
    is_real_response: true,
    responded_at: time,
    ...changes,
  }
}

export function activeDates(courseUuid: string, sequenceNumber: number, changes: object = {}) {
  return {
    request_uuid: randomUUID(),
    course_uuid: courseUuid,
    sequence_number: sequenceNumber,
    starts_at: time,
    ends_at: time,
    updated_at: time,
    ...changes,
  }
}

export function assignment(courseUuid: string, sequenceNumber: number, changes: object = {}) {
  return {
    request_uuid: randomUUID(),
    course_uuid: courseUuid,
    sequence_number: sequenceNumber,
    assignment_uuid: randomUUID(),
    is_deleted: false,
    ecosystem_uuid: randomUUID(),
    student_uuid: randomUUID(),
    assignment_type: 'reading',
    assigned_book_container_uuids: [randomUUID()],
    spes_are_assigned: false,
    pes_are_assigned: false,
    assigned_exercises: [],
    created_at: time,
    updated_at: time,
    ...changes,
  }
}

export interface EventsAsked {
  readonly offset?: number
  readonly types?: readonly string[]
  readonly max?: number
}

/** Events of one course, as one line. */
export async function courseEvents(server: ContractServer, uuid: string, asked: EventsAsked = {}) {
  const line = {
    request_uuid: randomUUID(),
    course_uuid: uuid,
    sequence_number_offset: asked.offset ?? 0,
    ...(asked.types === undefined ? {} : { event_types: asked.types }),
  }
  const { status, json } = await server.post('fetch_course_events', {
    course_event_requests: [line],
    max_num_events: asked.max ?? 1000,
  })
  return status === 200 ? json.course_event_responses[0] : { status, json }
}

export function numbersOf(line: { events: { sequence_number: number }[] }): number[] {
  return line.events.map((event) => event.sequence_number)
}
