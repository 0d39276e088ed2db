import Type from 'typebox'
import { datetime, flag, sequenceNumber, uuid } from './values.ts'

export const createCourseRequest = Type.Object({
  course_uuid: uuid,
  ecosystem_uuid: uuid,
  is_real_course: flag,
  starts_at: datetime,
  ends_at: datetime,
  created_at: datetime,
})
export const createCourseResponse = Type.Object({ created_course_uuid: uuid })

export const updateCourseActiveDatesRequest = Type.Object({
  request_uuid: uuid,
  course_uuid: uuid,
  sequence_number: sequenceNumber,
  starts_at: datetime,
  ends_at: datetime,
  updated_at: datetime,
})
export const updateCourseActiveDatesResponse = Type.Object({ updated_course_uuid: uuid })
