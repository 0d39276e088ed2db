import { toUuid } from '#domain/ids.ts'
import { type Endpoint, endpoint } from '../endpoint.ts'
import { matricesExample } from '../schemas/examples.ts'
import { fetchEcosystemMatricesRequest, fetchEcosystemMatricesResponse } from '../schemas/matrices.ts'

interface MatrixRequest {
  readonly ecosystem_uuid?: string | null
  readonly ecosystem_matrix_uuid?: string | null
}

const isGiven = (uuid: string | null | undefined): uuid is string => uuid !== undefined && uuid !== null

export const matrixEndpoints: readonly Endpoint[] = [
  endpoint({
    name: 'fetch_ecosystem_matrices',
    tag: 'research',
    summary: 'What the SPARFA fits of ecosystems learnt',
    description: 'By ecosystem (its newest matrix) or by matrix. Unknown ones are absent from the answer.',
    audience: 'sparfa',
    request: fetchEcosystemMatricesRequest,
    response: fetchEcosystemMatricesResponse,
    examples: matricesExample,
    check: ({ ecosystem_matrix_requests: lines }) =>
      lines.flatMap((line: MatrixRequest, index) => {
        const hasOne = isGiven(line.ecosystem_uuid) !== isGiven(line.ecosystem_matrix_uuid)
        const path = `$.ecosystem_matrix_requests[${index}]`
        return hasOne ? [] : [`${path}: exactly one of ecosystem_uuid and ecosystem_matrix_uuid`]
      }),
    run: async ({ ecosystem_matrix_requests: lines }, { matrices }) => {
      const found = await matrices?.read(
        lines.map((line) => ({
          ecosystem: isGiven(line.ecosystem_uuid) ? toUuid(line.ecosystem_uuid) : undefined,
          matrix: isGiven(line.ecosystem_matrix_uuid) ? toUuid(line.ecosystem_matrix_uuid) : undefined,
        })),
      )
      const answers = lines.flatMap((line, index) => {
        const answer = found?.[index]
        if (answer === undefined) return []
        return {
          request_uuid: line.request_uuid,
          ecosystem_uuid: line.ecosystem_uuid ?? answer.ecosystem,
          ecosystem_matrix_uuid: line.ecosystem_matrix_uuid ?? answer.matrix,
          ...answer.fields,
        }
      })
      return JSON.stringify({ ecosystem_matrix_responses: answers })
    },
  }),
]
