import Type from 'typebox'
import { batch, datetime, optional, sequenceNumber, softArray, uuid } from './values.ts'

const courseContainer = Type.Object({
  container_uuid: uuid,
  parent_container_uuid: uuid,
  created_at: datetime,
  archived_at: optional(datetime),
})

const student = Type.Object({
  student_uuid: uuid,
  container_uuid: uuid,
  enrolled_at: datetime,
  last_course_container_change_at: datetime,
  dropped_at: optional(datetime),
})

/**
 * A full snapshot, so it can not be split: no container at all (M33) and more than 1000 students (M34) are accepted.
 */
export const roster = Type.Object({
  request_uuid: uuid,
  course_uuid: uuid,
  sequence_number: sequenceNumber,
  course_containers: softArray(courseContainer, 1, 100),
  students: softArray(student, 0, 1000),
})

export const updateRostersRequest = Type.Object({ rosters: batch(roster, 100) })
export const updateRostersResponse = Type.Object({
  updated_rosters: Type.Array(Type.Object({ request_uuid: uuid, updated_course_uuid: uuid })),
})
