import { type Endpoint, endpoint } from '../endpoint.ts'
import { createEcosystemRequest, createEcosystemResponse } from '../schemas/ecosystems.ts'
import { ecosystemExample } from '../schemas/examples.ts'
import { ecosystemCreated } from '../wire-events.ts'
import { append } from './append.ts'

export const ecosystemEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'create_ecosystem',
    tag: 'ecosystems',
    summary: 'Register an immutable book edition with its exercise pools',
    description: 'Idempotent on ecosystem_uuid: a repeat changes nothing, whatever it holds.',
    keepsNested: true,
    request: createEcosystemRequest,
    response: createEcosystemResponse,
    examples: ecosystemExample,
    run: async (body, { log }) =>
      (await append(log, [ecosystemCreated(body)])) ?? JSON.stringify({ created_ecosystem_uuid: body.ecosystem_uuid }),
  }),
]
