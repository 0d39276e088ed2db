import type { StreamEvent } from '#domain/events.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import { responsesExample } from '../schemas/examples.ts'
import { recordResponsesRequest, recordResponsesResponse } from '../schemas/responses.ts'
import { responseRecorded } from '../wire-events.ts'
import { append } from './append.ts'

export const responseEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'record_responses',
    tag: 'responses',
    summary: 'Record answers of students',
    description:
      'A student may answer a trial again: a new response_uuid, the same trial_uuid; the latest counts. ' +
      'Idempotent on response_uuid.',
    request: recordResponsesRequest,
    response: recordResponsesResponse,
    examples: responsesExample,
    run: async ({ responses }, { log }) => {
      const events = responses.map(responseRecorded)
      return (await append(log, events)) ?? recorded(events)
    },
  }),
]

/** Distinct uuids in first-seen order, spelt as the client spelt them first. */
function recorded(events: readonly StreamEvent[]): string {
  const spelling = new Map<string, unknown>()
  for (const { eventUuid, data } of events) {
    if (!spelling.has(eventUuid)) spelling.set(eventUuid, data['response_uuid'])
  }
  return JSON.stringify({ recorded_response_uuids: [...spelling.values()] })
}
