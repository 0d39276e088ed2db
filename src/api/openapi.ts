import type { TSchema } from 'typebox'
import type { Endpoint } from './endpoint.ts'
import { type ErrorCode, type ErrorEntry, errorList } from './errors.ts'
import { clueData } from './schemas/clues.ts'
import { subscriptionName as namedInPath } from './schemas/subscriptions.ts'
import * as values from './schemas/values.ts'
import { behindHeader, positionHeader, type ViewParameter } from './view.ts'

/*
 * The OpenAPI 3.1 document, made from the schemas the server validates with, the examples and the error list: nothing
 * is written twice. Values that occur everywhere become components. Pure.
 */
interface OpenApiDocument {
  readonly openapi: '3.1.0'
  readonly info: object
  readonly tags: readonly object[]
  readonly paths: Readonly<Record<string, object>>
  readonly components: object
}

const description = `Adaptive-learning backend: courses, assignments and answers in; CLUEs and exercises out.

Every endpoint is POST with a JSON object in UTF-8, every request may be repeated at any time, and 200 means durable.
Unknown keys are ignored. Limits under \`x-soft-limit\` were declared once and may be exceeded; those under
\`x-declared\` are applied in strict mode only.`

const tags = [
  { name: 'ecosystems', description: 'Books and their exercises' },
  { name: 'courses', description: 'Courses, rosters, exclusions and moves to other ecosystems' },
  { name: 'assignments', description: "Students' assignments" },
  { name: 'responses', description: "Students' answers" },
  { name: 'streams', description: 'Event streams: discovery, reading, gaps' },
  { name: 'subscriptions', description: 'Events delivered to other programs, each at least once and in order' },
  { name: 'clues', description: 'How well students and classes understand parts of the book' },
  { name: 'picks', description: 'Which exercises to give next' },
  { name: 'results', description: 'What remote algorithms upload' },
  { name: 'algorithms', description: 'Work that remote algorithms fetch and answer' },
  { name: 'research', description: 'What the algorithms learnt' },
]

const namedSchemas: Readonly<Record<string, TSchema>> = {
  uuid: values.uuid,
  datetime: values.datetime,
  sequence_number: values.sequenceNumber,
  non_negative_integer: values.nonNegativeInteger,
  number_between_0_and_1: values.probability,
  cnx_identity: values.cnxIdentity,
  algorithm_name: values.algorithmName,
  clue_data: clueData,
}
const nameBySchema = new Map(Object.entries(namedSchemas).map(([name, schema]) => [JSON.stringify(schema), name]))

export function openApiDocument(endpoints: readonly Endpoint[]): OpenApiDocument {
  const schemas = Object.entries(namedSchemas).map(([name, schema]) => [name, withReferences(schema, schema)])
  return {
    openapi: '3.1.0',
    info: { title: 'Biglearn', version: '1.0.0', description },
    tags,
    paths: Object.fromEntries(endpoints.map((endpoint) => [endpoint.path, { post: operation(endpoint) }])),
    components: {
      schemas: Object.fromEntries(schemas),
      responses: Object.fromEntries(statuses.map((status) => [responseName(status), errorResponse(status)])),
      securitySchemes: {
        api: { type: 'apiKey', in: 'header', name: 'Biglearn-Api-Token' },
        scheduler: { type: 'apiKey', in: 'header', name: 'Biglearn-Scheduler-Token' },
        sparfa: { type: 'apiKey', in: 'header', name: 'Biglearn-Sparfa-Token' },
        consumer: { type: 'http', scheme: 'bearer', description: 'the operator or the scheduler token' },
      },
    },
  }
}

/** Ours: absent, the endpoint is the original one. */
const viewParameters: Readonly<Record<ViewParameter, object>> = {
  as_of: {
    name: 'as_of',
    in: 'query',
    description: 'Answer as of this recorded time: from what had been recorded by then, byte for byte as then',
    schema: { type: 'string', format: 'date-time' },
  },
  explain: {
    name: 'explain',
    in: 'query',
    description:
      'With 1, ready lines say how their value was made, and the as_of that gives it again; at most 100 lines',
    schema: { type: 'string', enum: ['0', '1'] },
  },
  position: {
    name: positionHeader,
    in: 'header',
    description: 'Of the answer to a write that this read has to see; only needed where replicas serve reads',
    schema: { type: 'string' },
  },
}

function operation(endpoint: Endpoint): object {
  const errors = statuses.filter((status) => canAnswer(endpoint, status))
  const parameters = [...namesIn(endpoint.path), ...endpoint.views.map((name) => viewParameters[name])]
  return {
    operationId: endpoint.name,
    tags: [endpoint.tag],
    summary: endpoint.summary,
    description: endpoint.description,
    security: [{ [endpoint.audience]: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    requestBody: { required: true, content: content(endpoint.request, endpoint.examples.request) },
    responses: {
      200: {
        description: 'Done, and durable',
        ...headersOf(endpoint),
        content: content(endpoint.response, endpoint.examples.response),
      },
      ...Object.fromEntries(
        errors.map((status) => [status, { $ref: `#/components/responses/${responseName(status)}` }]),
      ),
    },
  }
}

function headersOf({ writes, views }: Endpoint): object {
  if (writes) return { headers: { [positionHeader]: positionOfWrite } }
  return views.includes('explain') ? { headers: { [behindHeader]: behindOfRead } } : {}
}

const behindOfRead = {
  description: 'Only when the answer lacks something that was acknowledged before it was asked for; ask again',
  schema: { type: 'string', enum: ['1'] },
} as const

const positionOfWrite = {
  description: 'Where replicas serve reads: the place of this write, for a read that has to see it',
  schema: { type: 'string' },
} as const

function namesIn(path: string): object[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: namedInPath }))
}

function canAnswer(endpoint: Endpoint, status: Status): boolean {
  if (status === 401) return endpoint.audience === 'consumer'
  if (status === 409) return endpoint.name === 'subscription_create'
  if (status === 410) return endpoint.views.includes('explain')
  return status !== 422 || appends(endpoint)
}

/** Endpoints that write numbered events can find a number taken; repairs answer that per line instead. */
function appends({ name, audience, request }: Endpoint): boolean {
  if (name === 'record_no_ops' || audience === 'consumer') return false
  return name.startsWith('create_') || JSON.stringify(request).includes('"sequence_number"')
}

function content(schema: TSchema, example: object): object {
  return { 'application/json': { schema: withReferences(schema, undefined), example } }
}

/** A copy in which named schemas are references; `root` itself is written out. */
function withReferences(node: unknown, root: TSchema | undefined): unknown {
  if (Array.isArray(node)) return node.map((item) => withReferences(item, root))
  if (typeof node !== 'object' || node === null) return node
  const name = node === root ? undefined : nameBySchema.get(JSON.stringify(node))
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` }
  return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, withReferences(value, root)]))
}

type Status = ErrorEntry['status']
const entries = Object.entries(errorList) as [ErrorCode, ErrorEntry][]
const statuses: readonly Status[] = [...new Set(entries.map(([, { status }]) => status))]

const responseNames: Readonly<Record<Status, string>> = {
  400: 'refused',
  401: 'unauthorised',
  404: 'not_found',
  409: 'differs',
  410: 'gone',
  413: 'too_large',
  422: 'conflict',
  500: 'internal_error',
  503: 'unavailable',
}
const responseName = (status: Status): string => responseNames[status]

const errorTexts = { type: 'array', items: { type: 'string' } } as const
const text = (note: string): object => ({ type: 'string', description: note })

/** The body of each status beside `errors` (api.md §1.1). */
const furtherProperties: Readonly<Partial<Record<Status, object>>> = {
  400: { request: text('the first 2 KiB of the body; absent when the token was refused') },
  422: {
    exception: { type: 'string' },
    conflicts: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          course_uuid: text('or ecosystem_uuid'),
          sequence_number: { type: 'integer' },
          event_uuid: text('of the event that was refused'),
          existing_event_uuid: text('of the event that holds the number'),
          existing_event_type: { type: 'string' },
        },
      },
    },
  },
  500: { error_id: text('also in the log of the server') },
}

function errorResponse(status: Status): object {
  const codes = entries.filter(([, entry]) => entry.status === status)
  const properties =
    status === 404
      ? { status: { const: 404 }, error: { type: 'string' } }
      : { errors: errorTexts, ...furtherProperties[status] }
  const retryAfter = { 'Retry-After': { description: 'seconds', schema: { type: 'integer' } } }
  return {
    description: codes.map(([code, { message, advice }]) => `\`${code}\`: ${message}. ${advice}`).join('\n\n'),
    headers: {
      'Biglearn-Error-Code': { schema: { type: 'string', enum: codes.map(([code]) => code) } },
      ...(status === 503 ? retryAfter : {}),
    },
    content: {
      'application/json': {
        schema: { type: 'object', required: status === 404 ? ['status', 'error'] : ['errors'], properties },
      },
    },
  }
}
