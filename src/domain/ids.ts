/**
 * Identifiers. A `Uuid` is always lower case: it is normalised once, at the edge (api.md M5), and compared by string
 * equality everywhere else. `Id<Name>` is a `Uuid` that cannot be swapped with one of another kind.
 */
declare const brand: unique symbol
export type Uuid = string & { readonly [brand]: 'uuid' }

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** Any version and variant, any case (design D17). */
export function isUuid(text: unknown): text is string {
  return typeof text === 'string' && uuidPattern.test(text)
}

/** The one place where a string becomes a `Uuid`. Throws a `TypeError` naming the text when it is not a uuid. */
export function toUuid(text: string): Uuid {
  if (!uuidPattern.test(text)) throw new TypeError(`not a uuid: ${text.slice(0, 64)}`)
  return text.toLowerCase() as Uuid
}
