/*
 * Every refusal of the HTTP interface: a stable code (header `Biglearn-Error-Code`), its status, its message and what
 * the caller should do. docs/errors.md and the OpenAPI document are compared with this list by tests.
 */
export interface ErrorEntry {
  readonly status: 400 | 401 | 404 | 409 | 410 | 413 | 422 | 500 | 503
  readonly message: string
  readonly advice: string
}

export const errorList = {
  token_invalid: {
    status: 400,
    message: 'request has an invalid Biglearn-Api-Token',
    advice: 'Send the configured secret in the token header of the endpoint. Nothing was read or written.',
  },
  content_type_invalid: {
    status: 400,
    message: 'request must have Content-Type = application/json',
    advice: 'Set the header. Parameters such as charset=utf-8 are allowed.',
  },
  body_not_json: {
    status: 400,
    message: 'could not parse request json payload',
    advice: 'Send one JSON object in UTF-8. Repeating the same bytes will fail again.',
  },
  body_invalid: {
    status: 400,
    message: 'request does not match the schema of the endpoint',
    advice: 'Mend the fields named in `errors`. On a sequenced endpoint the number stays open: send it corrected.',
  },
  unauthorised: {
    status: 401,
    message: 'this needs the operator or scheduler token',
    advice: 'Send it as `Authorization: Bearer …`. Nothing was read or written.',
  },
  not_found: {
    status: 404,
    message: 'Not Found',
    advice: 'Check method and path: every endpoint of the wire is POST.',
  },
  subscription_unknown: {
    status: 404,
    message: 'there is no remote subscription of this name',
    advice: "Create it with `POST /subscriptions/{name}`. Embedded ones such as `learning` are the server's own.",
  },
  subscription_differs: {
    status: 409,
    message: 'a subscription of this name exists with other settings',
    advice: 'Use another name, or the settings it was created with. Nothing was changed.',
  },
  as_of_gone: {
    status: 410,
    message: 'what was known at that time can not be computed again',
    advice: 'The matrix then in use was removed, as nothing named it. Ask for a later time.',
  },
  body_too_large: {
    status: 413,
    message: 'request body is too large',
    advice: 'Send fewer items in one request; the limit is 64 MiB unless configured otherwise.',
  },
  sequence_number_taken: {
    status: 422,
    message: 'a sequence number is taken by another event',
    advice: 'Compare `conflicts` with your own records; nothing of the request was stored. Renumber, or give it up.',
  },
  internal_error: {
    status: 500,
    message: 'internal server error',
    advice: 'Repeat the same request; every request is idempotent. Report `error_id` if it persists.',
  },
  too_far_ahead: {
    status: 503,
    message: 'the stream waits for earlier numbers; these are too far ahead',
    advice: 'Send the missing numbers named in `errors` first, then repeat after Retry-After seconds.',
  },
  overloaded: {
    status: 503,
    message: 'the server has more work queued than it accepts',
    advice: 'Repeat the same request after Retry-After seconds.',
  },
  storage_full: {
    status: 503,
    message: 'the storage of the database is full: nothing is written until there is room',
    advice: 'Keep the request and repeat it after Retry-After seconds. Reads are served meanwhile.',
  },
  database_unavailable: {
    status: 503,
    message: 'the database does not answer',
    advice: 'Repeat the same request after Retry-After seconds; it may have been stored, which does no harm.',
  },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof errorList

/** A refusal as a value: what a route returns instead of its answer. */
export interface Refusal {
  readonly refused: ErrorCode
  /** More specific than the message of the list; shown in `errors`. */
  readonly details?: readonly string[]
  readonly conflicts?: readonly unknown[]
  readonly retryAfterSeconds?: number
  /** Of a 500: also in the log. */
  readonly errorId?: string
}

export function refuse(refused: ErrorCode, details?: readonly string[]): Refusal {
  return details === undefined ? { refused } : { refused, details }
}
