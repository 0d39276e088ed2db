import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type CourseEventType,
  courseEventCodes,
  type EventData,
  type EventType,
  type StoredEvent,
} from '#domain/events.ts'
import { parseCourseEvent, parseEcosystemEvent } from './parse-event.ts'
import { isFields, parseInstant } from './parse-value.ts'
import { uuidOf } from './test-course.ts'

const course = uuidOf(1, 1)
const recordedAt = new Date('2026-09-01T12:00:00Z')

function event(type: EventType, data: EventData): StoredEvent {
  return { kind: 'course', stream: course, number: 7, eventUuid: uuidOf(99, 7), type, data, recordedAt }
}

const response: EventData = {
  response_uuid: uuidOf(50, 1),
  course_uuid: course,
  sequence_number: 7,
  ecosystem_uuid: uuidOf(2, 1),
  trial_uuid: 'ABCDEF00-0000-4000-8000-00000000000A',
  student_uuid: uuidOf(3, 1),
  exercise_uuid: uuidOf(4, 1),
  is_correct: false,
  responded_at: '2026-09-01T14:00:00.123456+02:00',
}

test('a response of 2017: no is_real_response, upper-case uuid, microseconds and an offset', () => {
  assert.deepEqual(parseCourseEvent(event('record_response', response)), {
    type: 'response_recorded',
    student: uuidOf(3, 1),
    answer: {
      number: 7,
      response: uuidOf(50, 1),
      trial: 'abcdef00-0000-4000-8000-00000000000a',
      exercise: uuidOf(4, 1),
      ecosystem: uuidOf(2, 1),
      isCorrect: false,
      isReal: true,
      respondedAt: Date.UTC(2026, 8, 1, 12, 0, 0, 123),
      recordedAt: recordedAt.getTime(),
    },
  })
})

test('a response without its trial is unreadable; without a readable time it was given when recorded', () => {
  const { trial_uuid: _, ...withoutTrial } = response
  const unreadable = parseCourseEvent(event('record_response', withoutTrial))
  assert.deepEqual(unreadable, { type: 'unreadable', reason: 'trial_uuid is missing or not readable' })
  const fact = parseCourseEvent(event('record_response', { ...response, responded_at: 'yesterday' }))
  assert.ok(fact.type === 'response_recorded')
  assert.equal(fact.answer.respondedAt, recordedAt.getTime())
})

test('an assignment with garbage in optional places (worked examples 15 and 16)', () => {
  const fact = parseCourseEvent(
    event('create_update_assignment', {
      assignment_uuid: uuidOf(5, 1),
      course_uuid: course,
      ecosystem_uuid: uuidOf(2, 1),
      student_uuid: uuidOf(3, 1),
      assignment_type: 'reading',
      exclusion_info: { due_at: 'garbage', opens_at: null, closes_at: '2026-09-30T00:00:00Z' },
      assigned_book_container_uuids: [null, uuidOf(6, 1), uuidOf(6, 1).toUpperCase()],
      goal_num_tutor_assigned_pes: null,
      goal_num_tutor_assigned_spes: 3,
      spes_are_assigned: false,
      pes_are_assigned: true,
      assigned_exercises: [
        { trial_uuid: uuidOf(7, 1), exercise_uuid: uuidOf(4, 1), is_spe: false, is_pe: true },
        { trial_uuid: uuidOf(7, 2), exercise_uuid: uuidOf(4, 1), is_spe: false, is_pe: false },
        null,
        { trial_uuid: uuidOf(7, 3) },
      ],
      created_at: '2026-08-31T00:00:00Z',
      updated_at: '2026-08-31T00:00:00Z',
    }),
  )
  assert.ok(fact.type === 'assignment_updated')
  assert.deepEqual(fact.assignment, {
    uuid: uuidOf(5, 1),
    student: uuidOf(3, 1),
    ecosystem: uuidOf(2, 1),
    type: 'reading',
    isDeleted: false,
    opensAt: undefined,
    dueAt: undefined,
    feedbackAt: undefined,
    containers: [uuidOf(6, 1)],
    goalSpes: 3,
    goalPes: undefined,
    spesAreAssigned: false,
    pesAreAssigned: true,
    exercises: [
      { trial: uuidOf(7, 1), exercise: uuidOf(4, 1), isSpe: false, isPe: true },
      { trial: uuidOf(7, 2), exercise: uuidOf(4, 1), isSpe: false, isPe: false },
    ],
    createdAt: Date.UTC(2026, 7, 31),
  })
})

test('a preparation is read under both names of its ecosystem, and works without a map', () => {
  const fact = parseCourseEvent(
    event('prepare_course_ecosystem', { preparation_uuid: uuidOf(8, 1), next_ecosystem_uuid: uuidOf(2, 2) }),
  )
  const expected = { type: 'ecosystem_prepared', preparation: uuidOf(8, 1), ecosystem: uuidOf(2, 2), map: undefined }
  assert.deepEqual(fact, expected)
})

test('of an exclusion that names both, the group counts', () => {
  const exclusions = [
    { exercise_uuid: uuidOf(4, 1) },
    { exercise_uuid: uuidOf(4, 2), exercise_group_uuid: uuidOf(9, 2) },
  ]
  assert.deepEqual(parseCourseEvent(event('update_course_excluded_exercises', { exclusions })), {
    type: 'exclusions_updated',
    scope: 'course',
    exercises: [uuidOf(4, 1)],
    groups: [uuidOf(9, 2)],
  })
})

test('a book: nulls in pools are dropped, absent pools are empty, a repeated exercise counts once', () => {
  const fact = parseEcosystemEvent(
    event('create_ecosystem', {
      book: {
        contents: [
          { container_uuid: uuidOf(6, 1), container_parent_uuid: course, pools: [{ use_for_clue: true }] },
          {
            container_uuid: uuidOf(6, 2),
            container_parent_uuid: null,
            pools: [
              {
                use_for_clue: false,
                use_for_personalized_for_assignment_types: ['reading', 'reading', null],
                exercise_uuids: [uuidOf(4, 1), null, uuidOf(4, 1)],
              },
            ],
          },
        ],
      },
      exercises: [
        { exercise_uuid: uuidOf(4, 1), group_uuid: uuidOf(9, 1), version: 3, los: [] },
        { exercise_uuid: uuidOf(4, 1), group_uuid: uuidOf(9, 2), version: 4 },
      ],
    }),
  )
  assert.ok(fact.type === 'ecosystem_created')
  assert.deepEqual(fact.ecosystem, {
    uuid: course,
    containers: [
      { uuid: uuidOf(6, 1), parent: course, pools: [{ useForClue: true, assignmentTypes: [], exercises: [] }] },
      {
        uuid: uuidOf(6, 2),
        parent: undefined,
        pools: [{ useForClue: false, assignmentTypes: ['reading'], exercises: [uuidOf(4, 1)] }],
      },
    ],
    exercises: [{ uuid: uuidOf(4, 1), group: uuidOf(9, 1), version: 3 }],
  })
})

test('times: leap second, 30 February, lower case and a missing zone', () => {
  assert.equal(parseInstant('2026-12-31T23:59:60Z'), Date.UTC(2027, 0, 1))
  assert.equal(parseInstant('2026-02-30T00:00:00z'), Date.UTC(2026, 2, 2))
  assert.equal(parseInstant('2026-01-01t00:00:00.5-05:30'), Date.UTC(2026, 0, 1, 5, 30, 0, 500))
  assert.equal(parseInstant('2026-01-01T00:00:00'), undefined)
})

test('whatever JSON an event carries, parsing it does not throw', () => {
  const types = Object.keys(courseEventCodes).filter((name): name is CourseEventType => name in courseEventCodes)
  const keys = fc.constantFrom(
    ...['students', 'course_containers', 'exclusions', 'exclusion_info', 'ecosystem_map', 'assigned_exercises', 'book'],
    ...['contents', 'pools', 'exercises', 'student_uuid', 'trial_uuid', 'responded_at', 'container_uuid'],
  )
  const value = fc.letrec((tie) => ({
    any: fc.oneof({ depthSize: 'small' }, fc.jsonValue(), fc.uuid(), fc.array(tie('any')), tie('object')),
    object: fc.dictionary(keys, tie('any')),
  }))
  fc.assert(
    fc.property(fc.constantFrom(...types), value.object, (type, data) => {
      assert.ok(isFields(data))
      assert.ok(parseCourseEvent(event(type, data)).type)
      assert.ok(parseEcosystemEvent(event('create_ecosystem', data)).type)
    }),
  )
})
