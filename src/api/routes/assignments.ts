import { toUuid, type Uuid } from '#domain/ids.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import { createUpdateAssignmentsRequest, createUpdateAssignmentsResponse } from '../schemas/assignments.ts'
import { assignmentExample } from '../schemas/examples.ts'
import { assignmentUpdated } from '../wire-events.ts'
import { appendAnnouncements } from './append.ts'

export const assignmentEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'create_update_assignments',
    tag: 'assignments',
    summary: "State what students' assignments are now",
    description:
      "Each line is the full current state of one student's assignment; the highest number wins. " +
      'Idempotent on request_uuid.',
    keepsNested: true,
    request: createUpdateAssignmentsRequest,
    response: createUpdateAssignmentsResponse,
    examples: assignmentExample,
    run: async ({ assignments }, ports) => {
      const refusal = await appendAnnouncements(ports, assignments.map(assignmentUpdated))
      if (refusal !== undefined) return refusal
      await ports.contract.markUsed(assignments.flatMap(usedResults))
      const lines = assignments.map((line) => ({
        request_uuid: line.request_uuid,
        updated_assignment_uuid: line.assignment_uuid,
      }))
      return JSON.stringify({ updated_assignments: lines })
    },
  }),
]

interface CalculationReference {
  readonly calculation_uuid?: string | null
}

/** Results from which the assignment's exercises were taken; they must stay as long as the assignment. */
function usedResults(line: { pes?: CalculationReference | null; spes?: CalculationReference | null }): Uuid[] {
  return [line.pes, line.spes].flatMap((reference) => {
    const uuid = reference?.calculation_uuid
    return uuid == null ? [] : toUuid(uuid)
  })
}
