import { toUuid, type Uuid } from '#domain/ids.ts'
import type { CoursePreparation, NewestPreparation } from '#due/results.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import type { ApiPorts } from '../ports.ts'
import {
  fetchCourseEcosystemStatusesExample,
  preparationExample,
  preparationsReadyExample,
  updateCourseEcosystemsExample,
} from '../schemas/examples.ts'
import * as schemas from '../schemas/preparations.ts'
import { ecosystemPrepared, ecosystemUpdated } from '../wire-events.ts'
import { append } from './append.ts'

/** A create event is a few hundred bytes; there are at most 1000. */
const createBytesMax = 64 * 1024 * 1024

const prepare = endpoint({
  name: 'prepare_course_ecosystem',
  tag: 'courses',
  summary: 'Announce that a course will move to another ecosystem',
  description:
    'Consumers start to precompute for it. A page or exercise without a counterpart is absent from the map. ' +
    'Idempotent on preparation_uuid.',
  keepsNested: true,
  request: schemas.prepareCourseEcosystemRequest,
  response: schemas.prepareCourseEcosystemResponse,
  examples: preparationExample,
  run: async (body, { log, results }) => {
    const refusal = await append(log, [ecosystemPrepared(body)])
    if (refusal !== undefined) return refusal
    await results.putPreparation({
      course: toUuid(body.course_uuid),
      preparation: toUuid(body.preparation_uuid),
      number: body.sequence_number,
      ecosystem: toUuid(body.next_ecosystem_uuid),
    })
    return JSON.stringify({ status: 'accepted' })
  },
})

const update = endpoint({
  name: 'update_course_ecosystems',
  tag: 'courses',
  summary: 'Move courses to ecosystems that were prepared',
  description:
    'preparation_unknown appends nothing: the number stays open and the same line must be sent again. Both ' +
    'updated_and_ready and updated_but_unready are success. Idempotent on request_uuid.',
  request: schemas.updateCourseEcosystemsRequest,
  response: schemas.updateCourseEcosystemsResponse,
  examples: updateCourseEcosystemsExample,
  run: async ({ update_requests: lines }, ports) => {
    const keys = lines.map((line) => ({
      course: toUuid(line.course_uuid),
      preparation: toUuid(line.preparation_uuid),
    }))
    const preparations = await ports.results.readPreparations(keys)
    const known = lines.filter((_, index) => preparations[index] !== undefined)
    const refusal = await append(ports.log, known.map(ecosystemUpdated))
    if (refusal !== undefined) return refusal
    await ports.results.putEcosystemUpdates(
      known.map((line) => ({
        course: toUuid(line.course_uuid),
        preparation: toUuid(line.preparation_uuid),
        number: line.sequence_number,
      })),
    )
    const isReady = await readiness(ports, preparations)
    const answers = lines.map((line, index) => ({
      request_uuid: line.request_uuid,
      update_status: updateStatus(preparations[index], isReady),
    }))
    return JSON.stringify({ update_responses: answers })
  },
})

const statuses = endpoint({
  name: 'fetch_course_ecosystem_statuses',
  tag: 'courses',
  summary: 'Which ecosystem courses use now, and which they move to',
  description: 'current_ecosystem_preparation_uuid is the preparation that waits for its update, null when none does.',
  request: schemas.fetchCourseEcosystemStatusesRequest,
  response: schemas.fetchCourseEcosystemStatusesResponse,
  examples: fetchCourseEcosystemStatusesExample,
  run: async ({ course_uuids: spellings }, ports) => {
    const courses = spellings.map(toUuid)
    const distinct = [...new Set(courses)]
    const byCourse = await courseStatuses(ports, distinct)
    const lines = courses.map((course, index) => ({ course_uuid: spellings[index], ...byCourse.get(course) }))
    return JSON.stringify({ course_statuses: lines })
  },
})

const ready = endpoint({
  name: 'record_ecosystem_preparations_ready',
  tag: 'results',
  summary: 'State that results for preparations are precomputed',
  description: 'Sets the marker that updated_and_ready and precompute_is_complete show. Safe to repeat.',
  request: schemas.recordPreparationsReadyRequest,
  response: schemas.recordPreparationsReadyResponse,
  examples: preparationsReadyExample,
  run: async ({ preparation_uuids: preparations }, { results }) => {
    await results.markReady(preparations.map(toUuid))
    return JSON.stringify({ recorded_preparation_uuids: preparations })
  },
})

export const preparationEndpoints: readonly Endpoint[] = [prepare, update, statuses, ready]

type ReadyTest = (preparation: CoursePreparation) => boolean

function updateStatus(preparation: CoursePreparation | undefined, isReady: ReadyTest): string {
  if (preparation === undefined) return 'preparation_unknown'
  return isReady(preparation) ? 'updated_and_ready' : 'updated_but_unready'
}

/** Ready as soon as the target ecosystem has a matrix, or as the marker was set (design D27). */
async function readiness(
  { results, matrices }: ApiPorts,
  preparations: readonly (CoursePreparation | undefined)[],
): Promise<ReadyTest> {
  const known = preparations.filter((preparation) => preparation !== undefined)
  const marked = await results.readReady(known.map(({ preparation }) => preparation))
  const ecosystems = [...new Set(known.map(({ ecosystem }) => ecosystem))]
  const fitted = (await matrices?.ecosystemsWithMatrix(ecosystems)) ?? new Set<Uuid>()
  return ({ preparation, ecosystem }) => marked.has(preparation) || fitted.has(ecosystem)
}

async function courseStatuses(ports: ApiPorts, courses: readonly Uuid[]): Promise<Map<Uuid, object>> {
  const newest = await ports.results.readNewest(courses)
  const byCourse = new Map(newest.map((line) => [line.course, line]))
  const initial = await initialEcosystems(ports, courses)
  const isReady = await readiness(
    ports,
    newest.flatMap(({ prepared, updated }) => [prepared, updated]),
  )
  const ecosystems = [
    ...initial.flatMap((ecosystem) => ecosystem ?? []),
    ...newest.flatMap(({ prepared, updated }) => [prepared?.ecosystem ?? [], updated?.ecosystem ?? []].flat()),
  ]
  const isKnown = await knownEcosystems(ports, [...new Set(ecosystems)])
  return new Map(
    courses.map((course, index) => {
      const facts = { newest: byCourse.get(course), initial: initial[index], isReady, isKnown }
      return [course, courseStatus(facts)]
    }),
  )
}

/** From the create events: each is the first of its stream, so no gap can hide it, and one turn reads them all. */
async function initialEcosystems({ log }: ApiPorts, courses: readonly Uuid[]): Promise<(Uuid | undefined)[]> {
  if (courses.length === 0) return []
  const types = new Set(['create_course'] as const)
  const lines = courses.map((stream) => ({ kind: 'course', stream, from: 0, types }) as const)
  const answers = await log.readStreams(lines, { eventsMax: courses.length, bytesMax: createBytesMax })
  return answers.map(({ events: [created] }) => {
    const ecosystem = created?.data['ecosystem_uuid']
    return typeof ecosystem === 'string' ? toUuid(ecosystem) : undefined
  })
}

async function knownEcosystems({ log }: ApiPorts, ecosystems: readonly Uuid[]): Promise<(uuid: Uuid) => boolean> {
  if (ecosystems.length === 0) return () => false
  const found = await log.statuses(
    ecosystems.map((stream) => ({ kind: 'ecosystem', stream })),
    1,
  )
  const created = new Set(found.flatMap((status) => (status.isCreated ? status.stream : [])))
  return (uuid) => created.has(uuid)
}

interface CourseFacts {
  readonly newest: NewestPreparation | undefined
  /** Undefined: the course was not created yet. */
  readonly initial: Uuid | undefined
  readonly isReady: ReadyTest
  readonly isKnown: (ecosystem: Uuid) => boolean
}

function courseStatus({ newest, initial, isReady, isKnown }: CourseFacts): object {
  const { prepared, updated } = newest ?? {}
  const isPending = prepared !== undefined && (updated === undefined || prepared.number > updated.number)
  const pending = isPending ? prepared : undefined
  const status = (ecosystem: Uuid | undefined, preparation: CoursePreparation | undefined) => ({
    ecosystem_uuid: ecosystem ?? null,
    ecosystem_is_known: ecosystem !== undefined && isKnown(ecosystem),
    ecosystem_is_prepared: preparation !== undefined,
    precompute_is_complete: preparation !== undefined && isReady(preparation),
  })
  return {
    course_is_known: initial !== undefined,
    current_ecosystem_preparation_uuid: pending?.preparation ?? null,
    current_ecosystem_status: status(updated?.ecosystem ?? initial, updated),
    next_ecosystem_status: status(pending?.ecosystem, pending),
  }
}
