import type { FastifySchema } from 'fastify'
import type { TSchema } from 'typebox'
import type { Endpoint } from './endpoint.ts'
import { type ErrorCode, errorList } from './errors.ts'

/*
 * The OpenAPI 3.1 document comes from the schemas the server validates with; nothing is written twice. This file adds
 * what belongs to every endpoint: tokens, error answers and their codes.
 */
export const openApiDocument = {
  openapi: '3.1.0',
  info: {
    title: 'Biglearn',
    version: '1.0.0',
    description:
      'Adaptive-learning backend: courses, assignments and answers in; CLUEs and exercises out. Every endpoint is ' +
      'POST with a JSON object, every write is idempotent, and 200 means durable.',
  },
  tags: [
    { name: 'ecosystems', description: 'Books and their exercises' },
    { name: 'courses', description: 'Courses, rosters, exclusions and moves to other ecosystems' },
    { name: 'assignments', description: "Students' assignments" },
    { name: 'responses', description: "Students' answers" },
    { name: 'streams', description: 'Event streams: discovery, reading, gaps' },
    { name: 'clues', description: 'How well students and classes understand parts of the book' },
    { name: 'picks', description: 'Which exercises to give next' },
    { name: 'results', description: 'What remote algorithms upload' },
    { name: 'research', description: 'What the algorithms learnt' },
  ],
  components: {
    securitySchemes: {
      api: { type: 'apiKey', in: 'header', name: 'Biglearn-Api-Token' },
      sparfa: { type: 'apiKey', in: 'header', name: 'Biglearn-Sparfa-Token' },
    },
  },
} as const

const sequencedOnly: ReadonlySet<ErrorCode> = new Set(['sequence_number_taken', 'too_far_ahead'])

export function openApiSchema(endpoint: Endpoint): FastifySchema {
  return {
    operationId: endpoint.name,
    tags: [endpoint.tag],
    summary: endpoint.summary,
    description: endpoint.description,
    security: [{ [endpoint.audience]: [] }],
    body: { ...endpoint.request, examples: [endpoint.examples.request] },
    response: {
      200: { ...endpoint.response, description: 'Done', examples: [endpoint.examples.response] },
      ...errorAnswers(endpoint),
    },
  }
}

function errorAnswers(endpoint: Endpoint): Record<number, object> {
  const isSequenced =
    JSON.stringify(endpoint.request).includes('"sequence_number"') || endpoint.name.startsWith('create_')
  const byStatus = new Map<number, ErrorCode[]>()
  for (const [code, { status }] of Object.entries(errorList) as [ErrorCode, { status: number }][]) {
    if (status === 404 || (sequencedOnly.has(code) && !isSequenced)) continue
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries([...byStatus].map(([status, codes]) => [status, errorAnswer(status, codes)]))
}

function errorAnswer(status: number, codes: readonly ErrorCode[]): object {
  const errors = { type: 'array', items: { type: 'string' } }
  const extra: Record<number, object> = {
    400: { request: { type: 'string', description: 'the first 2 KiB of the body' } },
    422: { exception: { type: 'string' }, conflicts: { type: 'array', items: { type: 'object' } } },
    500: { error_id: { type: 'string', description: 'also in the log of the server' } },
  }
  return {
    description: codes.map((code) => `\`${code}\`: ${errorList[code].message}`).join('; '),
    headers: { 'Biglearn-Error-Code': { schema: { type: 'string', enum: codes } } },
    type: 'object',
    required: ['errors'],
    properties: { errors, ...extra[status] },
  } satisfies object & Partial<TSchema>
}
