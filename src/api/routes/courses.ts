import { type Endpoint, endpoint } from '../endpoint.ts'
import {
  createCourseRequest,
  createCourseResponse,
  updateCourseActiveDatesRequest,
  updateCourseActiveDatesResponse,
} from '../schemas/courses.ts'
import { activeDatesExample, courseExample } from '../schemas/examples.ts'
import { activeDatesUpdated, courseCreated } from '../wire-events.ts'
import { append } from './append.ts'

export const courseEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'create_course',
    tag: 'courses',
    summary: 'Create a course; takes number 0 of its stream',
    description:
      'The ecosystem need not be known yet. is_real_course false keeps the course out of training. ' +
      'Idempotent on course_uuid.',
    request: createCourseRequest,
    response: createCourseResponse,
    examples: courseExample,
    run: async (body, { log }) =>
      (await append(log, [courseCreated(body)])) ?? JSON.stringify({ created_course_uuid: body.course_uuid }),
  }),
  endpoint({
    name: 'update_course_active_dates',
    tag: 'courses',
    summary: 'Set when a course starts and ends',
    description: 'The event with the highest number wins. Idempotent on request_uuid.',
    request: updateCourseActiveDatesRequest,
    response: updateCourseActiveDatesResponse,
    examples: activeDatesExample,
    run: async (body, { log }) =>
      (await append(log, [activeDatesUpdated(body)])) ?? JSON.stringify({ updated_course_uuid: body.course_uuid }),
  }),
]
