/**
 * The three ways a call can end without an answer. Everything else (network errors, overload, replies that are not
 * JSON) is retried inside the client and never reaches the caller.
 */

/** Biglearn read the request and refused it (a 4xx with a JSON body). Repeating the same request cannot help. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused'
  readonly endpoint: string
  readonly status: number
  /** Stable code of the header `Biglearn-Error-Code`, when the server sent one. Match this, never the text. */
  readonly code: string | undefined
  readonly reply: { readonly [key: string]: unknown }

  constructor(details: Pick<RequestRefused, 'endpoint' | 'status' | 'code' | 'reply'>) {
    const errors = details.reply['errors']
    const reasons = Array.isArray(errors) ? errors.join('; ') : JSON.stringify(details.reply)
    super(`${details.endpoint} was refused with ${details.status}: ${reasons.slice(0, 500)}`)
    this.endpoint = details.endpoint
    this.status = details.status
    this.code = details.code
    this.reply = details.reply
  }
}

/** The deadline of the call passed before any attempt succeeded. `cause` is what the last attempt met. */
export class RequestGivenUp extends Error {
  override readonly name = 'RequestGivenUp'
  readonly endpoint: string
  /** None when the call waited for its place among the requests in flight all the time. */
  readonly attempts: number
  /** Stable code of the last reply, when there was one. */
  readonly code: string | undefined

  constructor(details: Pick<RequestGivenUp, 'endpoint' | 'attempts' | 'code' | 'cause'>) {
    const { endpoint, attempts, code, cause } = details
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(`${endpoint} gave up after ${attempts} attempts: ${reason}`, { cause })
    this.endpoint = endpoint
    this.attempts = attempts
    this.code = code
  }
}

/** A JSON reply that does not have the shape of the contract: another server, or an incompatible one. */
export class ReplyUnexpected extends Error {
  override readonly name = 'ReplyUnexpected'
  readonly endpoint: string

  constructor(endpoint: string, expectation: string) {
    super(`${endpoint} answered without ${expectation}; is this really a Biglearn server?`)
    this.endpoint = endpoint
  }
}
