import type { FastifyReply } from 'fastify'
import { type ErrorCode, errorList, type Refusal } from './errors.ts'

/*
 * Error bodies of the original endpoints (api.md §1.1). Old shapes stay as clients know them; the stable code travels
 * in a header.
 */
export const jsonType = 'application/json; charset=utf-8'
const errorCodeHeader = 'biglearn-error-code'
const echoBytesMax = 2048

export interface RefusalContext {
  /** The request's bytes, repeated in a 400 up to 2 KiB (M2). */
  readonly rawBody?: Buffer | undefined
}

export function sendRefusal(reply: FastifyReply, refusal: Refusal, context: RefusalContext = {}): FastifyReply {
  const { status } = errorList[refusal.refused]
  void reply.code(status).header('content-type', jsonType).header(errorCodeHeader, refusal.refused)
  if (status === 401) void reply.header('www-authenticate', 'Bearer')
  if (status === 503) void reply.header('retry-after', String(refusal.retryAfterSeconds ?? 1))
  return reply.send(JSON.stringify(refusalBody(refusal, context)))
}

function refusalBody(refusal: Refusal, context: RefusalContext): object {
  const { message, status } = errorList[refusal.refused]
  if (status === 404) return { status: 404, error: message }
  const errors = errorTexts(refusal.refused, message, refusal.details)
  if (status === 422) return { exception: 'SequenceNumberTaken', errors, conflicts: refusal.conflicts ?? [] }
  if (status === 500) return { errors, error_id: refusal.errorId ?? '' }
  if (status === 400 && refusal.refused !== 'token_invalid') return { errors, request: echo(context.rawBody) }
  return { errors }
}

/** The token's text names the header that was wrong, so details replace it; elsewhere they follow the message. */
function errorTexts(code: ErrorCode, message: string, details: readonly string[] | undefined): readonly string[] {
  if (details === undefined) return [message]
  return code === 'body_not_json' || code === 'too_far_ahead' ? [message, ...details] : details
}

function echo(rawBody: Buffer | undefined): string {
  return rawBody === undefined ? '' : rawBody.subarray(0, echoBytesMax).toString('utf8')
}
