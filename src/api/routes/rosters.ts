import { type Endpoint, endpoint } from '../endpoint.ts'
import { rosterExample } from '../schemas/examples.ts'
import { updateRostersRequest, updateRostersResponse } from '../schemas/rosters.ts'
import { rosterUpdated } from '../wire-events.ts'
import { appendAnnouncements } from './append.ts'

export const rosterEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'update_rosters',
    tag: 'courses',
    summary: 'Replace whole course rosters',
    description:
      'Each line is a full snapshot of course containers and students, not a change; the highest number wins. ' +
      'Archived containers and dropped students stay listed. Idempotent on request_uuid.',
    keepsNested: true,
    request: updateRostersRequest,
    response: updateRostersResponse,
    examples: rosterExample,
    run: async ({ rosters }, ports) => {
      const refusal = await appendAnnouncements(ports, rosters.map(rosterUpdated))
      if (refusal !== undefined) return refusal
      const lines = rosters.map((line) => ({ request_uuid: line.request_uuid, updated_course_uuid: line.course_uuid }))
      return JSON.stringify({ updated_rosters: lines })
    },
  }),
]
