import { type Endpoint, endpoint } from '../endpoint.ts'
import { exclusionsExample } from '../schemas/examples.ts'
import { updateExclusionsRequest, updateExclusionsResponse } from '../schemas/exclusions.ts'
import { exclusionsUpdated } from '../wire-events.ts'
import { append } from './append.ts'

const shared = {
  tag: 'courses',
  keepsNested: true,
  request: updateExclusionsRequest,
  response: updateExclusionsResponse,
  examples: exclusionsExample,
} as const
const success = JSON.stringify({ status: 'success' })

export const exclusionEndpoints: readonly Endpoint[] = [
  endpoint({
    ...shared,
    name: 'update_globally_excluded_exercises',
    summary: "Replace the administrator's list of excluded exercises of a course",
    description: 'The complete list; empty for none. Independent of the course list: both apply.',
    run: async (body, { log }) =>
      (await append(log, [exclusionsUpdated('update_globally_excluded_exercises', body)])) ?? success,
  }),
  endpoint({
    ...shared,
    name: 'update_course_excluded_exercises',
    summary: "Replace the teacher's list of excluded exercises of a course",
    description: 'The complete list; empty for none. Independent of the global list: both apply.',
    run: async (body, { log }) =>
      (await append(log, [exclusionsUpdated('update_course_excluded_exercises', body)])) ?? success,
  }),
]
