import { type FakeResults, lower } from './results.ts'
import type { Data, FakeEvent, FakeStreams, Kind } from './streams.ts'

/** One function per endpoint of the fake server: a request that has the right shape in, the reply out. */
export type Handler = (request: Data) => Data

export class Refused extends Error {
  readonly status: number
  readonly code: string
  readonly body: Data
  constructor(status: number, code: string, body: Data) {
    super(code)
    this.status = status
    this.code = code
    this.body = body
  }
}

interface State {
  readonly streams: FakeStreams
  readonly results: FakeResults
}

export function createHandlers(state: State): { readonly [endpoint: string]: Handler } {
  const ready = new Set<string>()
  return {
    ...creationHandlers(state),
    ...courseHandlers(state),
    ...ecosystemMoveHandlers(state, ready),
    ...streamReadHandlers(state),
    ...pickHandlers(state),
    ...clueHandlers(state),
    ...algorithmHandlers(),
  }
}

/** Nothing is ever due here, so every answer comes too late. */
function algorithmHandlers(): { [endpoint: string]: Handler } {
  const tooLate = (items: string, lines: string) => (request: Data) => ({
    [lines]: itemsOf(request, items).map(({ calculation_uuid }) => ({
      calculation_uuid,
      calculation_status: 'calculation_unknown',
    })),
  })
  return {
    fetch_ecosystem_matrices: () => ({ ecosystem_matrix_responses: [] }),
    fetch_ecosystem_matrix_updates: () => ({ ecosystem_matrix_updates: [] }),
    fetch_exercise_calculations: () => ({ exercise_calculations: [] }),
    fetch_clue_calculations: () => ({ clue_calculations: [] }),
    fetch_algorithm_exercise_calculations: () => ({ algorithm_exercise_calculations: [] }),
    ecosystem_matrices_updated: tooLate('ecosystem_matrices_updated', 'ecosystem_matrix_updated_responses'),
    update_exercise_calculations: tooLate('exercise_calculation_updates', 'exercise_calculation_update_responses'),
    update_clue_calculations: tooLate('clue_calculation_updates', 'clue_calculation_update_responses'),
  }
}

function creationHandlers({ streams, results }: State): { [endpoint: string]: Handler } {
  return {
    create_ecosystem(request) {
      const isNew = !streams.isCreated('ecosystem', lower(request['ecosystem_uuid']))
      append(streams, [
        eventOf('create_ecosystem', request, { kind: 'ecosystem', identity: 'ecosystem_uuid', number: 0 }),
      ])
      const { contents } = request['book'] as { contents?: Data[] }
      if (isNew) {
        for (const container of contents ?? []) {
          results.announceBookContainer(container['container_uuid'], request['ecosystem_uuid'])
        }
      }
      return { created_ecosystem_uuid: request['ecosystem_uuid'] }
    },
    create_course(request) {
      append(streams, [eventOf('create_course', request, { kind: 'course', identity: 'course_uuid', number: 0 })])
      return { created_course_uuid: request['course_uuid'] }
    },
  }
}

function courseHandlers({ streams, results }: State): { [endpoint: string]: Handler } {
  const record = (type: string, items: readonly Data[], identity = 'request_uuid') =>
    append(
      streams,
      items.map((item) => eventOf(type, item, { kind: 'course', identity })),
    )
  const exclude = (type: string) => (request: Data) => {
    record(type, [request])
    return { status: 'success' }
  }
  return {
    update_course_active_dates(request) {
      record('update_course_active_dates', [request])
      return { updated_course_uuid: request['course_uuid'] }
    },
    update_globally_excluded_exercises: exclude('update_globally_excluded_exercises'),
    update_course_excluded_exercises: exclude('update_course_excluded_exercises'),
    update_rosters(request) {
      const rosters = itemsOf(request, 'rosters')
      record('update_roster', rosters)
      for (const roster of rosters) {
        for (const container of itemsOf(roster, 'course_containers')) {
          results.announce('course_container', container['container_uuid'])
        }
        for (const student of itemsOf(roster, 'students')) results.announce('student', student['student_uuid'])
      }
      return {
        updated_rosters: rosters.map(({ request_uuid, course_uuid }) => ({
          request_uuid,
          updated_course_uuid: course_uuid,
        })),
      }
    },
    create_update_assignments(request) {
      const assignments = itemsOf(request, 'assignments')
      record('create_update_assignment', assignments)
      for (const assignment of assignments) results.announce('assignment', assignment['assignment_uuid'])
      return {
        updated_assignments: assignments.map(({ request_uuid, assignment_uuid }) => ({
          request_uuid,
          updated_assignment_uuid: assignment_uuid,
        })),
      }
    },
    record_responses(request) {
      const responses = itemsOf(request, 'responses')
      record('record_response', responses, 'response_uuid')
      return { recorded_response_uuids: [...new Set(responses.map((response) => response['response_uuid']))] }
    },
    record_no_ops(request) {
      const noOps = itemsOf(request, 'no_ops')
      if (noOps.some((item) => item['sequence_number'] === 0)) {
        throw new Refused(400, 'body_invalid', { errors: ['the number 0 belongs to the creation of the stream'] })
      }
      return { no_op_responses: noOps.map((item) => recordNoOp(streams, item)) }
    },
  }
}

function recordNoOp(streams: FakeStreams, item: Data): Data {
  const kind: Kind = item['course_uuid'] === undefined ? 'ecosystem' : 'course'
  const event = eventOf('no_op', item, { kind, identity: 'request_uuid' })
  const holder = streams.eventAt(kind, event.stream, event.number)
  const isFree = holder === undefined || holder.uuid === event.uuid
  if (isFree) append(streams, [event])
  return { request_uuid: item['request_uuid'], status: isFree ? 'accepted' : 'already_filled' }
}

function ecosystemMoveHandlers({ streams }: State, ready: Set<string>): { [endpoint: string]: Handler } {
  const preparationOf = (course: string, uuid: unknown) =>
    streams
      .eventsOf('course', course)
      .find((event) => event.type === 'prepare_course_ecosystem' && event.uuid === lower(uuid))
  const updateOne = (item: Data) => {
    const { request_uuid, preparation_uuid } = item
    const course = lower(item['course_uuid'])
    if (preparationOf(course, preparation_uuid) === undefined) {
      return { request_uuid, update_status: 'preparation_unknown' }
    }
    append(streams, [eventOf('update_course_ecosystem', item, { kind: 'course', identity: 'request_uuid' })])
    const isReady = ready.has(lower(preparation_uuid))
    return { request_uuid, update_status: isReady ? 'updated_and_ready' : 'updated_but_unready' }
  }
  return {
    prepare_course_ecosystem(request) {
      const { next_ecosystem_uuid: ecosystem_uuid, ...rest } = request
      const item = { ...rest, ecosystem_uuid }
      append(streams, [eventOf('prepare_course_ecosystem', item, { kind: 'course', identity: 'preparation_uuid' })])
      return { status: 'accepted' }
    },
    update_course_ecosystems: (request) => ({ update_responses: itemsOf(request, 'update_requests').map(updateOne) }),
    record_ecosystem_preparations_ready(request) {
      const uuids = request['preparation_uuids'] as unknown[]
      for (const uuid of uuids) ready.add(lower(uuid))
      return { recorded_preparation_uuids: [...new Set(uuids)] }
    },
    fetch_course_ecosystem_statuses(request) {
      const courses = request['course_uuids'] as unknown[]
      return { course_statuses: courses.map((uuid) => moveStatus(streams, ready, uuid)) }
    },
  }
}

/** Where a course is, and where it is about to go: the newest event counts. */
function moveStatus(streams: FakeStreams, ready: ReadonlySet<string>, uuid: unknown): Data {
  const events = streams.eventsOf('course', lower(uuid))
  const newest = (type: string) => events.filter((event) => event.type === type).at(-1)
  const update = newest('update_course_ecosystem')
  const preparation = newest('prepare_course_ecosystem')
  const pending = preparation !== undefined && preparation.number > (update?.number ?? -1) ? preparation : undefined
  const applied = events.find((event) => event.uuid === lower(update?.data['preparation_uuid']))
  const status = (ecosystem: unknown, prepared: FakeEvent | undefined) => ({
    ecosystem_uuid: ecosystem ?? null,
    ecosystem_is_known: ecosystem !== undefined && streams.isCreated('ecosystem', lower(ecosystem)),
    ecosystem_is_prepared: prepared !== undefined,
    precompute_is_complete: prepared !== undefined && ready.has(prepared.uuid),
  })
  const current = applied?.data['ecosystem_uuid'] ?? newest('create_course')?.data['ecosystem_uuid']
  return {
    course_uuid: uuid,
    course_is_known: streams.isCreated('course', lower(uuid)),
    current_ecosystem_preparation_uuid: pending?.data['preparation_uuid'] ?? null,
    current_ecosystem_status: status(current, applied),
    next_ecosystem_status: status(pending?.data['ecosystem_uuid'], pending),
  }
}

const fetchBytesMax = 4_000_000

function streamReadHandlers({ streams }: State): { [endpoint: string]: Handler } {
  const fetchEvents = (kind: Kind) => (request: Data) => {
    const lines = itemsOf(request, `${kind}_event_requests`)
    const answers = streams.read(
      kind,
      lines.map((line) => ({
        stream: lower(line[`${kind}_uuid`]),
        offset: line['sequence_number_offset'] as number,
        types: line['event_types'] as string[] | undefined,
      })),
      { eventsMax: request['max_num_events'] as number, bytesMax: fetchBytesMax },
    )
    return {
      [`${kind}_event_responses`]: answers.map(({ events, isGap, isEnd }, index) => ({
        request_uuid: lines[index]!['request_uuid'],
        [`${kind}_uuid`]: lines[index]![`${kind}_uuid`],
        events: events.map(wireEvent),
        is_gap: isGap,
        is_end: isEnd,
      })),
    }
  }
  const fetchMetadatas = (kind: Kind) => (request: Data) => {
    const from = request['metadata_sequence_number_offset'] as number
    const rows = streams.metadata(kind, from, request['max_num_metadatas'] as number)
    return {
      [`${kind}_responses`]: rows.map(({ uuid, number }) => {
        const { data } = streams.eventAt(kind, uuid, 0)!
        const initial = kind === 'course' ? { initial_ecosystem_uuid: data['ecosystem_uuid'] } : {}
        return { uuid, ...initial, metadata_sequence_number: number }
      }),
    }
  }
  return {
    fetch_course_events: fetchEvents('course'),
    fetch_ecosystem_events: fetchEvents('ecosystem'),
    fetch_course_metadatas: fetchMetadatas('course'),
    fetch_ecosystem_metadatas: fetchMetadatas('ecosystem'),
    fetch_stream_statuses: (request) => ({
      stream_responses: itemsOf(request, 'stream_requests').map((line) => streamStatus(streams, line)),
    }),
  }
}

function wireEvent({ number, uuid, type, data }: FakeEvent): Data {
  return { sequence_number: number, event_uuid: uuid, event_type: type, event_data: data }
}

function streamStatus(streams: FakeStreams, line: Data): Data {
  const kind: Kind = line['course_uuid'] === undefined ? 'ecosystem' : 'course'
  const stream = lower(line[`${kind}_uuid`])
  const gaps = streams.gaps(kind, stream)
  return {
    request_uuid: line['request_uuid'],
    is_known: streams.isKnown(kind, stream),
    is_created: streams.isCreated(kind, stream),
    next_sequence_number: streams.next(kind, stream),
    contiguous_sequence_number: streams.contiguous(kind, stream),
    gaps: gaps.slice(0, (line['max_num_gaps'] as number | undefined) ?? 1000),
    oldest_blocked_at: gaps.length === 0 ? null : new Date().toISOString(),
  }
}

function pickHandlers({ results }: State): { [endpoint: string]: Handler } {
  const fetch = (kind: string, subject: 'assignment' | 'student', key: string) => (request: Data) => ({
    [`${key}_responses`]: itemsOf(request, `${key}_requests`).map((item) => results.fetchPicks(kind, subject, item)),
  })
  const update = (kind: string, subject: 'assignment' | 'student', key: string) => (request: Data) => ({
    [`${key}_update_responses`]: itemsOf(request, `${key}_updates`).map((item) =>
      results.updatePicks(kind, subject, item),
    ),
  })
  return {
    fetch_assignment_pes: fetch('pes', 'assignment', 'pe'),
    fetch_assignment_spes: fetch('spes', 'assignment', 'spe'),
    fetch_practice_worst_areas_exercises: fetch('worst_areas', 'student', 'worst_areas'),
    update_assignment_pes: update('pes', 'assignment', 'pe'),
    update_assignment_spes: update('spes', 'assignment', 'spe'),
    update_practice_worst_areas_exercises: update('worst_areas', 'student', 'practice_worst_areas'),
  }
}

function clueHandlers({ results }: State): { [endpoint: string]: Handler } {
  const fetch = (subject: 'student' | 'course_container', key: string) => (request: Data) => ({
    [`${key}_clue_responses`]: itemsOf(request, `${key}_clue_requests`).map((item) => results.fetchClue(subject, item)),
  })
  const update = (subject: 'student' | 'course_container', key: string) => (request: Data) => ({
    [`${key}_clue_update_responses`]: itemsOf(request, `${key}_clue_updates`).map((item) =>
      results.updateClue(subject, item),
    ),
  })
  return {
    fetch_student_clues: fetch('student', 'student'),
    fetch_teacher_clues: fetch('course_container', 'teacher'),
    update_student_clues: update('student', 'student'),
    update_teacher_clues: update('course_container', 'teacher'),
  }
}

interface EventNaming {
  readonly kind: Kind
  readonly identity: string
  /** Supplied by the server for creations. */
  readonly number?: number
}

function eventOf(type: string, item: Data, { kind, identity, number }: EventNaming): FakeEvent {
  const sequence_number = number ?? (item['sequence_number'] as number)
  return {
    kind,
    stream: lower(item[`${kind}_uuid`]),
    number: sequence_number,
    uuid: lower(item[identity]),
    type,
    data: { ...item, sequence_number },
  }
}

function append(streams: FakeStreams, events: readonly FakeEvent[]): void {
  const conflicts = streams.append(events)
  if (conflicts.length === 0) return
  const errors = conflicts.map(({ sequence_number }) => `sequence number ${sequence_number} is taken by another event`)
  throw new Refused(422, 'sequence_number_taken', { exception: 'SequenceNumberTaken', errors, conflicts })
}

function itemsOf(request: Data, key: string): Data[] {
  return request[key] as Data[]
}
