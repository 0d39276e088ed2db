import Type from 'typebox'
import { assignedFields } from './assigned.ts'
import { algorithmName, batch, batchMax, flag, optional, probability, uuid } from './values.ts'

/** The one object that admits no unknown key (api.md §2). */
export const clueData = Type.Object(
  {
    minimum: probability,
    most_likely: probability,
    maximum: probability,
    is_real: flag,
    ecosystem_uuid: optional(uuid),
  },
  { additionalProperties: false },
)

/** Lines without an algorithm come from 2017 clients and are answered as not ready (M39). */
const anyAlgorithmName = optional(Type.String())
const nullableUuid = Type.Union([uuid, Type.Null()])
const accepted = Type.Array(Type.Object({ request_uuid: uuid, update_status: Type.Literal('accepted') }))

/** Ours: only with `explain=1`, and only of lines that are ready and computed here. */
const explanation = Type.Object({
  as_of: Type.String({ format: 'date-time', description: 'Asking again with this as_of gives the same answer' }),
  ecosystem_matrix_uuid: uuid,
  sequence_number: Type.Integer({ description: 'Highest course event number that the answer depends on' }),
  exercise_groups: Type.Integer({ description: 'Exercise groups that the CLUE estimates' }),
  counted_answers: Type.Integer({ description: 'All counted answers of the learners, in whatever container' }),
  orphaned_answers: Type.Integer({
    description:
      'Answers of the learners that count nowhere in this edition: it lacks the exercise, and nothing maps its container',
  }),
  answers_in_all: Type.Integer({ description: 'Answers to these exercise groups; the first 1,000 are listed' }),
  answers: Type.Array(
    Type.Object({
      response_uuid: uuid,
      student_uuid: uuid,
      verdict: Type.String({
        description: 'counted, superseded, withheld, excluded, trial_unknown or exercise_unknown',
      }),
      visible_at: Type.Optional(Type.String({ format: 'date-time', description: 'When a withheld answer counts' })),
    }),
  ),
})

const clueAnswers = Type.Array(
  Type.Object({
    request_uuid: uuid,
    calculation_uuid: nullableUuid,
    clue_data: clueData,
    clue_status: Type.String({ description: 'clue_ready, clue_unready, book_container_unknown or …_unknown' }),
    ...assignedFields,
    explanation: Type.Optional(explanation),
  }),
)

export const fetchStudentCluesRequest = Type.Object({
  student_clue_requests: batch(
    Type.Object({
      request_uuid: uuid,
      student_uuid: uuid,
      book_container_uuid: uuid,
      algorithm_name: anyAlgorithmName,
    }),
    batchMax,
  ),
})
export const fetchStudentCluesResponse = Type.Object({ student_clue_responses: clueAnswers })

export const fetchTeacherCluesRequest = Type.Object({
  teacher_clue_requests: batch(
    Type.Object({
      request_uuid: uuid,
      course_container_uuid: uuid,
      book_container_uuid: uuid,
      algorithm_name: anyAlgorithmName,
    }),
    batchMax,
  ),
})
export const fetchTeacherCluesResponse = Type.Object({ teacher_clue_responses: clueAnswers })

export const updateStudentCluesRequest = Type.Object({
  student_clue_updates: batch(
    Type.Object({
      request_uuid: uuid,
      student_uuid: uuid,
      book_container_uuid: uuid,
      algorithm_name: algorithmName,
      calculation_uuid: uuid,
      clue_data: clueData,
    }),
    batchMax,
  ),
})
export const updateStudentCluesResponse = Type.Object({ student_clue_update_responses: accepted })

export const updateTeacherCluesRequest = Type.Object({
  teacher_clue_updates: batch(
    Type.Object({
      request_uuid: uuid,
      course_container_uuid: uuid,
      book_container_uuid: uuid,
      algorithm_name: algorithmName,
      calculation_uuid: uuid,
      clue_data: clueData,
    }),
    batchMax,
  ),
})
export const updateTeacherCluesResponse = Type.Object({ teacher_clue_update_responses: accepted })
