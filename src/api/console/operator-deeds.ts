import { type Static, Type } from 'typebox'
import type { Uuid } from '#domain/ids.ts'
import { type LanePolicy, lanePolicyPattern } from '#log/lane-policy.ts'

/**
 * What an operator can do from the console; each deed leaves a line of who, what and why in the audit. The shapes are
 * the JSON that the browser sends.
 */
export interface OperatorDeeds {
  act(deed: OperatorDeed): Promise<DeedOutcome>
}

/** `refused`: nothing was changed, because things are not (or no longer) as the operator saw them. */
export type DeedOutcome = { readonly kind: 'done' } | { readonly kind: 'refused'; readonly why: string }

const uuid = Type.Unsafe<Uuid>(Type.String({ pattern: '^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$' }))
const number = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1 })
const kind = Type.Union([Type.Literal('course'), Type.Literal('ecosystem')])
/** Not only spaces, and no NUL, which PostgreSQL can not store. */
const words = '^(?!\\s*$)[^\\u0000]+$'
const why = {
  actor: Type.String({ minLength: 1, maxLength: 100, pattern: words }),
  reason: Type.String({ minLength: 1, maxLength: 500, pattern: words }),
}
const ofSubscription = { ...why, subscription: Type.String({ minLength: 1, maxLength: 200 }), kind, stream: uuid }
const strictly = { additionalProperties: false }

export const OperatorDeed = Type.Union([
  /** Try a stream again now that was set aside. */
  Type.Object({ deed: Type.Literal('retry'), ...ofSubscription }, strictly),
  /** Go over the event at which it stopped, for this subscription. */
  Type.Object({ deed: Type.Literal('skip'), ...ofSubscription, number }, strictly),
  /** Deliver a stream once more from a number on; not to the server's own subscriptions. */
  Type.Object({ deed: Type.Literal('replay'), ...ofSubscription, from: number }, strictly),
  /** Decide whether a stream has a lane of its own. */
  Type.Object(
    {
      deed: Type.Literal('lane'),
      ...why,
      kind,
      stream: uuid,
      policy: Type.Unsafe<LanePolicy>(Type.String({ pattern: lanePolicyPattern })),
    },
    strictly,
  ),
])
export type OperatorDeed = Static<typeof OperatorDeed>
