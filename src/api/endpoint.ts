import type { Static, TSchema } from 'typebox'
import type { Refusal } from './errors.ts'
import type { ApiPorts } from './ports.ts'
import type { View, ViewParameter } from './view.ts'

/** What the path of a request names, such as the subscription. */
export type PathNames = Readonly<Record<string, string>>

/** What a request is beside its body. */
export interface RequestContext {
  readonly path: PathNames
  /** Aborted when the client is gone before it was answered; for endpoints that wait. */
  readonly gone?: AbortSignal
}

/** JSON as text, or as its UTF-8. */
export type Answer = string | Buffer

/*
 * One endpoint of the wire: its schemas, and what it does with a valid body. Validation, static types and the OpenAPI
 * document all come from `request` and `response`.
 */
export interface Endpoint {
  readonly name: string
  /** With names in braces. */
  readonly path: string
  readonly tag: string
  readonly summary: string
  readonly description: string
  /** Whose token it asks for. `consumer`: the operator's or the scheduler's, as `Authorization: Bearer`. */
  readonly audience: 'api' | 'scheduler' | 'sparfa' | 'consumer'
  readonly request: TSchema
  readonly response: TSchema
  /** Objects of the body are stored as they came, so their depth has a limit. */
  readonly keepsNested: boolean
  readonly examples: { readonly request: object; readonly response: object }
  /** Rules that a schema can not say; each text names the JSON path. */
  readonly check: (body: object) => readonly string[]
  /** The JSON text of the answer, or a refusal. `body` has passed the request's schema. */
  readonly run: (body: object, ports: ApiPorts, view: View, context: RequestContext) => Promise<Answer | Refusal>
  /** Query parameters it understands. */
  readonly views: readonly ViewParameter[]
  /** Changes something that reads show. */
  readonly writes: boolean
  /** Answers when something comes, so it has to notice that nobody waits any more. */
  readonly waits: boolean
}

type Defaulted = 'path' | 'audience' | 'keepsNested' | 'views' | 'writes' | 'waits'

interface EndpointDefinition<Request extends TSchema> extends Omit<Endpoint, 'request' | 'check' | 'run' | Defaulted> {
  /** Absent: `/` and the name. */
  readonly path?: string
  readonly audience?: Endpoint['audience']
  readonly keepsNested?: boolean
  readonly views?: readonly ViewParameter[]
  readonly waits?: boolean
  readonly request: Request
  readonly check?: (body: Static<Request>) => readonly string[]
  readonly run: (
    body: Static<Request>,
    ports: ApiPorts,
    view: View,
    context: RequestContext,
  ) => Promise<Answer | Refusal>
}

/**
 * Ties the body's static type to its schema, then forgets it: the server treats all endpoints alike. The casts hold
 * because the server calls `check` and `run` with bodies only that have passed this very schema.
 */
export function endpoint<Request extends TSchema>(definition: EndpointDefinition<Request>): Endpoint {
  const {
    path = `/${definition.name}`,
    audience = 'api',
    keepsNested = false,
    views = [],
    waits = false,
    check,
    run,
  } = definition
  return {
    ...definition,
    path,
    audience,
    keepsNested,
    views,
    waits,
    writes: audience === 'api' && !definition.name.startsWith('fetch_'),
    check: (body) => check?.(body as Static<Request>) ?? [],
    run: (body, ports, view, context) => run(body as Static<Request>, ports, view, context),
  }
}

export const isRefusal = (outcome: Answer | Refusal): outcome is Refusal => {
  return typeof outcome !== 'string' && !Buffer.isBuffer(outcome)
}
