/*
 * One request and one answer per endpoint, shown in the OpenAPI document; a test validates each against its schema.
 */
const ecosystem = 'e0000000-0000-4000-8000-000000000001'
const nextEcosystem = 'e0000000-0000-4000-8000-000000000002'
const matrix = 'f0000000-0000-4000-8000-000000000001'
const course = 'c0000000-0000-4000-8000-000000000001'
const period = 'c0000000-0000-4000-8000-000000000002'
const student = '50000000-0000-4000-8000-000000000001'
const book = 'b0000000-0000-4000-8000-000000000001'
const page = 'b0000000-0000-4000-8000-000000000002'
const nextPage = 'b0000000-0000-4000-8000-000000000003'
const exercise = 'a0000000-0000-4000-8000-000000000001'
const group = 'a0000000-0000-4000-8000-000000000002'
const assignment = '70000000-0000-4000-8000-000000000001'
const trial = '70000000-0000-4000-8000-000000000002'
const preparation = '90000000-0000-4000-8000-000000000001'
const calculation = '80000000-0000-4000-8000-000000000001'
const responseUuid = '10000000-0000-4000-8000-000000000002'
/** Every sequenced example has a request uuid of its own, so that all of them can be sent to one server. */
const requestOf = (number: number): string => `10000000-0000-4000-8000-0000000001${String(number).padStart(2, '0')}`
const requestUuid = requestOf(0)
const morning = '2026-09-01T08:00:00.000Z'
const evening = '2026-12-18T18:00:00.000Z'
const algorithm = 'biglearn_sparfa'

const pool = {
  use_for_clue: true,
  use_for_personalized_for_assignment_types: ['reading', 'homework'],
  exercise_uuids: [exercise],
}

export const ecosystemExample = {
  request: {
    ecosystem_uuid: ecosystem,
    book: {
      cnx_identity: `${book}@1.1`,
      contents: [
        { container_uuid: book, container_parent_uuid: ecosystem, container_cnx_identity: null, pools: [] },
        { container_uuid: page, container_parent_uuid: book, container_cnx_identity: `${page}@3`, pools: [pool] },
      ],
    },
    exercises: [{ exercise_uuid: exercise, group_uuid: group, version: 1, los: ['lo:physics:1-1-1'] }],
    imported_at: morning,
  },
  response: { created_ecosystem_uuid: ecosystem },
}

export const courseExample = {
  request: {
    course_uuid: course,
    ecosystem_uuid: ecosystem,
    is_real_course: true,
    starts_at: morning,
    ends_at: evening,
    created_at: morning,
  },
  response: { created_course_uuid: course },
}

export const activeDatesExample = {
  request: {
    request_uuid: requestOf(1),
    course_uuid: course,
    sequence_number: 1,
    starts_at: morning,
    ends_at: evening,
    updated_at: morning,
  },
  response: { updated_course_uuid: course },
}

export const rosterExample = {
  request: {
    rosters: [
      {
        request_uuid: requestOf(2),
        course_uuid: course,
        sequence_number: 2,
        course_containers: [{ container_uuid: period, parent_container_uuid: course, created_at: morning }],
        students: [
          {
            student_uuid: student,
            container_uuid: period,
            enrolled_at: morning,
            last_course_container_change_at: morning,
          },
        ],
      },
    ],
  },
  response: { updated_rosters: [{ request_uuid: requestOf(2), updated_course_uuid: course }] },
}

export const exclusionsExample = {
  request: {
    request_uuid: requestOf(3),
    course_uuid: course,
    sequence_number: 3,
    exclusions: [{ exercise_group_uuid: group }],
    updated_at: morning,
  },
  response: { status: 'success' },
}

export const preparationExample = {
  request: {
    preparation_uuid: preparation,
    course_uuid: course,
    sequence_number: 4,
    next_ecosystem_uuid: nextEcosystem,
    ecosystem_map: {
      from_ecosystem_uuid: ecosystem,
      to_ecosystem_uuid: nextEcosystem,
      book_container_mappings: [{ from_book_container_uuid: page, to_book_container_uuid: nextPage }],
      exercise_mappings: [{ from_exercise_uuid: exercise, to_book_container_uuid: nextPage }],
    },
    prepared_at: morning,
  },
  response: { status: 'accepted' },
}

export const updateCourseEcosystemsExample = {
  request: {
    update_requests: [
      {
        request_uuid: requestOf(5),
        course_uuid: course,
        sequence_number: 5,
        preparation_uuid: preparation,
        updated_at: morning,
      },
    ],
  },
  response: { update_responses: [{ request_uuid: requestOf(5), update_status: 'updated_but_unready' }] },
}

export const fetchCourseEcosystemStatusesExample = {
  request: { request_uuid: requestUuid, course_uuids: [course] },
  response: {
    course_statuses: [
      {
        course_uuid: course,
        course_is_known: true,
        current_ecosystem_preparation_uuid: null,
        current_ecosystem_status: {
          ecosystem_uuid: nextEcosystem,
          ecosystem_is_known: true,
          ecosystem_is_prepared: true,
          precompute_is_complete: false,
        },
        next_ecosystem_status: {
          ecosystem_uuid: null,
          ecosystem_is_known: false,
          ecosystem_is_prepared: false,
          precompute_is_complete: false,
        },
      },
    ],
  },
}

export const preparationsReadyExample = {
  request: { preparation_uuids: [preparation] },
  response: { recorded_preparation_uuids: [preparation] },
}

export const assignmentExample = {
  request: {
    assignments: [
      {
        request_uuid: requestOf(6),
        course_uuid: course,
        sequence_number: 6,
        assignment_uuid: assignment,
        is_deleted: false,
        ecosystem_uuid: ecosystem,
        student_uuid: student,
        assignment_type: 'reading',
        exclusion_info: { opens_at: morning, due_at: evening },
        assigned_book_container_uuids: [page],
        goal_num_tutor_assigned_spes: 1,
        spes_are_assigned: false,
        goal_num_tutor_assigned_pes: 1,
        pes_are_assigned: false,
        assigned_exercises: [{ trial_uuid: trial, exercise_uuid: exercise, is_spe: false, is_pe: false }],
        created_at: morning,
        updated_at: morning,
      },
    ],
  },
  response: { updated_assignments: [{ request_uuid: requestOf(6), updated_assignment_uuid: assignment }] },
}

const answer = {
  response_uuid: responseUuid,
  course_uuid: course,
  sequence_number: 7,
  ecosystem_uuid: ecosystem,
  trial_uuid: trial,
  student_uuid: student,
  exercise_uuid: exercise,
  is_correct: true,
  is_real_response: true,
  responded_at: '2026-09-02T10:15:30.123456Z',
}

export const responsesExample = {
  request: { responses: [answer] },
  response: { recorded_response_uuids: [responseUuid] },
}

export const courseMetadatasExample = {
  request: { metadata_sequence_number_offset: 0, max_num_metadatas: 1000 },
  response: {
    course_responses: [{ uuid: course, initial_ecosystem_uuid: ecosystem, metadata_sequence_number: 0 }],
  },
}

export const ecosystemMetadatasExample = {
  request: { metadata_sequence_number_offset: 0, max_num_metadatas: 1000 },
  response: { ecosystem_responses: [{ uuid: ecosystem, metadata_sequence_number: 0 }] },
}

export const courseEventsExample = {
  request: {
    course_event_requests: [
      {
        request_uuid: requestUuid,
        course_uuid: course,
        sequence_number_offset: 7,
        event_types: ['record_response'],
      },
    ],
    max_num_events: 1000,
  },
  response: {
    course_event_responses: [
      {
        request_uuid: requestUuid,
        course_uuid: course,
        events: [{ sequence_number: 7, event_uuid: responseUuid, event_type: 'record_response', event_data: answer }],
        is_gap: false,
        is_end: true,
      },
    ],
  },
}

export const ecosystemEventsExample = {
  request: {
    ecosystem_event_requests: [{ request_uuid: requestUuid, ecosystem_uuid: ecosystem, sequence_number_offset: 1 }],
    max_num_events: 10,
  },
  response: {
    ecosystem_event_responses: [
      { request_uuid: requestUuid, ecosystem_uuid: ecosystem, events: [], is_gap: false, is_end: true },
    ],
  },
}

export const noOpsExample = {
  request: {
    no_ops: [{ request_uuid: requestOf(8), course_uuid: course, sequence_number: 8, reason: 'the task was deleted' }],
  },
  response: { no_op_responses: [{ request_uuid: requestOf(8), status: 'accepted' }] },
}

export const streamStatusesExample = {
  request: { stream_requests: [{ request_uuid: requestUuid, course_uuid: course, max_num_gaps: 10 }] },
  response: {
    stream_responses: [
      {
        request_uuid: requestUuid,
        is_known: true,
        is_created: true,
        next_sequence_number: 10,
        contiguous_sequence_number: 9,
        gaps: [{ from: 9, to: 9 }],
        oldest_blocked_at: morning,
      },
    ],
  },
}

const clueData = { minimum: 0.61, most_likely: 0.7, maximum: 0.78, is_real: true, ecosystem_uuid: ecosystem }
const clueAnswer = {
  request_uuid: requestUuid,
  calculation_uuid: calculation,
  clue_data: clueData,
  clue_status: 'clue_ready',
}
const clueLine = { request_uuid: requestUuid, book_container_uuid: page, algorithm_name: algorithm }

export const fetchStudentCluesExample = {
  request: { student_clue_requests: [{ ...clueLine, student_uuid: student }] },
  response: { student_clue_responses: [clueAnswer] },
}
export const fetchTeacherCluesExample = {
  request: { teacher_clue_requests: [{ ...clueLine, course_container_uuid: period }] },
  response: { teacher_clue_responses: [clueAnswer] },
}

const clueUpdate = { ...clueLine, calculation_uuid: calculation, clue_data: clueData }
const updateAccepted = [{ request_uuid: requestUuid, update_status: 'accepted' }]

export const updateStudentCluesExample = {
  request: { student_clue_updates: [{ ...clueUpdate, student_uuid: student }] },
  response: { student_clue_update_responses: updateAccepted },
}
export const updateTeacherCluesExample = {
  request: { teacher_clue_updates: [{ ...clueUpdate, course_container_uuid: period }] },
  response: { teacher_clue_update_responses: updateAccepted },
}

const assignmentPick = { request_uuid: requestUuid, assignment_uuid: assignment, algorithm_name: algorithm }
const assignmentAnswer = {
  request_uuid: requestUuid,
  calculation_uuid: calculation,
  ecosystem_matrix_uuid: matrix,
  assignment_uuid: assignment,
  exercise_uuids: [exercise],
  assignment_status: 'assignment_ready',
  spy_info: {},
}

export const fetchPesExample = {
  request: { pe_requests: [{ ...assignmentPick, max_num_exercises: 3 }] },
  response: { pe_responses: [assignmentAnswer] },
}
export const fetchSpesExample = {
  request: { spe_requests: [{ ...assignmentPick, max_num_exercises: 3 }] },
  response: { spe_responses: [assignmentAnswer] },
}
export const fetchWorstAreasExample = {
  request: {
    worst_areas_requests: [{ request_uuid: requestUuid, student_uuid: student, algorithm_name: algorithm }],
  },
  response: {
    worst_areas_responses: [
      {
        request_uuid: requestUuid,
        calculation_uuid: null,
        ecosystem_matrix_uuid: null,
        student_uuid: student,
        exercise_uuids: [],
        student_status: 'student_unready',
        spy_info: {},
      },
    ],
  },
}

const pickUpdate = {
  request_uuid: requestUuid,
  algorithm_name: algorithm,
  calculation_uuid: calculation,
  ecosystem_matrix_uuid: matrix,
  exercise_uuids: [exercise],
  spy_info: {},
}

export const updatePesExample = {
  request: { pe_updates: [{ ...pickUpdate, assignment_uuid: assignment }] },
  response: { pe_update_responses: updateAccepted },
}
export const updateSpesExample = {
  request: { spe_updates: [{ ...pickUpdate, assignment_uuid: assignment }] },
  response: { spe_update_responses: updateAccepted },
}
export const updateWorstAreasExample = {
  request: { practice_worst_areas_updates: [{ ...pickUpdate, student_uuid: student }] },
  response: { practice_worst_areas_update_responses: updateAccepted },
}

export const matricesExample = {
  request: { ecosystem_matrix_requests: [{ request_uuid: requestUuid, ecosystem_uuid: ecosystem }] },
  response: { ecosystem_matrix_responses: [] },
}
