import { randomUUID } from 'node:crypto'
import type { Refusal } from './errors.ts'
import type { ApiLogger } from './ports.ts'

/** What was not foreseen: logged once with an id that the caller gets as well, and nothing else of it. */
export function internalError(error: unknown, route: string, logger: ApiLogger): Refusal {
  const errorId = randomUUID().slice(0, 8)
  logger.error({ route, error_id: errorId, error: stackOf(error) }, 'request failed')
  return { refused: 'internal_error', errorId }
}

export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
