import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { toUuid } from '#domain/ids.ts'
import type { ConsoleData, ForecastSubject, ListQuery } from './console-data.ts'
import type { ExplanationData } from './explanation-data.ts'
import type { OperationsData } from './operations-data.ts'
import { OperatorDeed, type OperatorDeeds } from './operator-deeds.ts'
import type { SharedReads } from './shared-reads.ts'

/**
 * The console's JSON. Each view is tagged with a hash of its body: a console that asks twice a second gets a 304 of a
 * hundred bytes while nothing changes. Query strings are checked like every other input; unknown things are 404.
 */
export function registerConsoleRoutes(server: FastifyInstance, data: ConsoleData, reads: SharedReads): void {
  const show: Show = async (request, reply, load) => {
    const view = await reads.read(request.url, load)
    if (view === undefined) return reply.code(404).send({ errors: ['not found'] })
    reply.header('etag', view.etag).header('cache-control', 'private, no-cache')
    if (request.headers['if-none-match'] === view.etag) return reply.code(304).send()
    return reply.type('application/json; charset=utf-8').send(view.body)
  }

  server.get('/overview', (request, reply) => show(request, reply, () => data.overview()))

  server.get<{ Querystring: ListInput }>('/courses', { schema: { querystring: ListInput } }, (request, reply) =>
    show(request, reply, () => data.courses(toListQuery(request.query))),
  )

  server.get<{ Params: CourseInput }>('/courses/:course', { schema: { params: CourseInput } }, (request, reply) =>
    show(request, reply, () => data.course(toUuid(request.params.course))),
  )

  server.get<{ Params: CourseInput; Querystring: StudentsInput }>(
    '/courses/:course/students',
    { schema: { params: CourseInput, querystring: StudentsInput } },
    (request, reply) => {
      const { container } = request.query
      const query = {
        ...toListQuery(request.query),
        container: container === undefined ? undefined : toUuid(container),
      }
      return show(request, reply, () => data.students(toUuid(request.params.course), query))
    },
  )

  server.get<{ Params: CourseInput; Querystring: ForecastInput }>(
    '/courses/:course/forecast',
    { schema: { params: CourseInput, querystring: ForecastInput } },
    (request, reply) =>
      show(request, reply, () => data.forecast(toUuid(request.params.course), toForecastSubject(request.query))),
  )

  registerOperations(server, data, show)
  registerDeeds(server, data)
  registerExplanations(server, data, show)
}

function registerOperations(server: FastifyInstance, data: OperationsData, show: Show): void {
  server.get('/operations', (request, reply) => show(request, reply, () => data.operations()))

  server.get<{ Params: MatrixInput }>('/matrices/:matrix', { schema: { params: MatrixInput } }, (request, reply) =>
    show(request, reply, () => data.matrix(toUuid(request.params.matrix))),
  )
}

/** Changes something. The body is JSON, which no page from elsewhere can send without being asked first. */
function registerDeeds(server: FastifyInstance, deeds: OperatorDeeds): void {
  server.post<{ Body: OperatorDeed }>('/deeds', { schema: { body: OperatorDeed } }, async (request, reply) => {
    const outcome = await deeds.act(request.body)
    if (outcome.kind === 'refused') return reply.code(409).send({ errors: [outcome.why] })
    return reply.send({ status: 'done' })
  })
}

function registerExplanations(server: FastifyInstance, data: ExplanationData, show: Show): void {
  const ofStudent = '/courses/:course/students/:student'

  server.get<{ Params: BasisInput }>(
    `${ofStudent}/basis/:container`,
    { schema: { params: BasisInput } },
    (request, reply) => {
      const { course, student, container } = request.params
      return show(request, reply, () => data.clueBasis(toUuid(course), toUuid(student), toUuid(container)))
    },
  )

  server.get<{ Params: StudentInput }>(
    `${ofStudent}/assignments`,
    { schema: { params: StudentInput } },
    (request, reply) => {
      const { course, student } = request.params
      return show(request, reply, () => data.assignments(toUuid(course), toUuid(student)))
    },
  )

  server.get<{ Params: StudentInput }>(
    `${ofStudent}/practice`,
    { schema: { params: StudentInput } },
    (request, reply) => {
      const { course, student } = request.params
      return show(request, reply, () => data.practice(toUuid(course), toUuid(student)))
    },
  )

  server.get<{ Params: AssignmentInput }>(
    `${ofStudent}/assignments/:assignment`,
    { schema: { params: AssignmentInput } },
    (request, reply) => {
      const { course, student, assignment } = request.params
      return show(request, reply, () => data.picks(toUuid(course), toUuid(student), toUuid(assignment)))
    },
  )
}

type Show = (request: FastifyRequest, reply: FastifyReply, load: () => Promise<unknown>) => Promise<FastifyReply>

/** Lines of one page of a list: fits a projector twice, and stays a small answer. */
const listLinesMax = 50

const uuid = Type.String({ pattern: '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' })
const startsWith = Type.String({ pattern: '^[0-9A-Fa-f-]{0,36}$' })

const CourseInput = Type.Object({ course: uuid })
type CourseInput = Static<typeof CourseInput>

const StudentInput = Type.Object({ course: uuid, student: uuid })
type StudentInput = Static<typeof StudentInput>

const BasisInput = Type.Object({ course: uuid, student: uuid, container: uuid })
type BasisInput = Static<typeof BasisInput>

const AssignmentInput = Type.Object({ course: uuid, student: uuid, assignment: uuid })
type AssignmentInput = Static<typeof AssignmentInput>

const MatrixInput = Type.Object({ matrix: uuid })
type MatrixInput = Static<typeof MatrixInput>

const ListInput = Type.Object({ starts_with: Type.Optional(startsWith), after: Type.Optional(uuid) })
type ListInput = Static<typeof ListInput>

const StudentsInput = Type.Object({
  starts_with: Type.Optional(startsWith),
  after: Type.Optional(uuid),
  container: Type.Optional(uuid),
})
type StudentsInput = Static<typeof StudentsInput>

/** At most one of the two; neither is the whole class. */
const ForecastInput = Type.Object(
  { student: Type.Optional(uuid), container: Type.Optional(uuid) },
  { maxProperties: 1 },
)
type ForecastInput = Static<typeof ForecastInput>

function toListQuery(input: ListInput): ListQuery {
  return {
    startsWith: (input.starts_with ?? '').toLowerCase(),
    after: input.after === undefined ? undefined : toUuid(input.after),
    max: listLinesMax,
  }
}

function toForecastSubject(input: ForecastInput): ForecastSubject {
  if (input.student !== undefined) return { kind: 'student', student: toUuid(input.student) }
  if (input.container !== undefined) return { kind: 'container', container: toUuid(input.container) }
  return { kind: 'class' }
}
