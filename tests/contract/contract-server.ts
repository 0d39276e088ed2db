import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type { ApiConfig } from '#api/config.ts'
import { buildServer } from '#api/server.ts'
import { createMemoryPorts, type MemoryPorts, testConfig } from '#api/testing/memory-ports.ts'

/*
 * A server under contract test, spoken to over real HTTP. Every test uses uuids of its own, so that one server (and one
 * database) serves a whole file.
 */
export interface ContractServer {
  readonly url: string
  readonly ports: MemoryPorts
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

export async function startContractServer(changes: Partial<ApiConfig> = {}): Promise<ContractServer> {
  const ports = createMemoryPorts()
  const server = await buildServer(ports, testConfig(changes))
  return serverAt(server, await server.listen({ port: 0, host: '127.0.0.1' }), ports)
}

function serverAt(server: FastifyInstance, url: string, ports: MemoryPorts): ContractServer {
  const send = async (path: string, request: RequestInit): Promise<Answer> => {
    const response = await fetch(`${url}${path}`, request)
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: parse(text) }
  }
  return {
    url,
    ports,
    send,
    post: (endpoint, body, headers = {}) =>
      send(`/${endpoint}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    stop: () => server.close(),
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
