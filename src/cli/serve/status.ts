import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { isGrowthPending, readTrainingStates } from '#due/training-claims.ts'
import type { Services } from './services.ts'

/*
 * `GET /status` (operators): which ecosystems have which matrix, and whether a fit is due or running. Due means that
 * enough answers have come, even while the least pause between two fits lasts.
 */
export interface StatusOptions {
  readonly services: Services
  readonly isOperator: (headers: IncomingHttpHeaders) => boolean
}

export interface EcosystemStatus {
  readonly uuid: string
  readonly matrix_uuid: string | null
  readonly fit_due: boolean
  readonly fit_running: boolean
}

export function registerStatus(server: FastifyInstance, { services, isOperator }: StatusOptions): void {
  server.get('/status', { schema: { hide: true } }, async (request, reply) => {
    if (!isOperator(request.headers)) {
      return reply
        .code(401)
        .header('www-authenticate', 'Bearer')
        .send({ errors: ['needs the operator token'] })
    }
    return { ecosystems: await ecosystemStatuses(services) }
  })
}

async function ecosystemStatuses(services: Services): Promise<EcosystemStatus[]> {
  const counts = await services.reader.trainingCounts()
  const { states } = await readTrainingStates(services.pool)
  return Promise.all(
    counts.map(async ({ ecosystem, realAnswers }) => {
      const state = states.get(ecosystem)
      const matrix = await services.matrixStore.current(ecosystem)
      return {
        uuid: ecosystem,
        matrix_uuid: matrix?.uuid ?? null,
        fit_due: isGrowthPending(state, realAnswers),
        fit_running: state?.isRunning ?? false,
      }
    }),
  )
}
