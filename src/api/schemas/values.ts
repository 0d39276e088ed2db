import Type, { type TSchema } from 'typebox'

/*
 * The values of the wire (api.md §2). Each schema says what is refused by default; what the original only declared is
 * kept beside it under two keywords: `x-soft-limit` (accepted beyond, counted as a warning) and `x-declared` (refused
 * in strict mode only). See strict.ts for how the two are applied.
 */

const hex = '[0-9a-fA-F]'

/** Any version and variant, any case (M5, D17). */
export const uuid = Type.String({
  pattern: `^${hex}{8}-${hex}{4}-${hex}{4}-${hex}{4}-${hex}{12}$`,
  description: 'uuid in any case; compared in lower case, repeated in answers as it was spelt',
  'x-declared': { pattern: `^${hex}{8}-${hex}{4}-[04]${hex}{3}-${hex}{4}-${hex}{12}$` },
})

const day = '\\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])'
const time = '(?:[01]\\d|2[0-3]):[0-5]\\d:(?:[0-5]\\d|60)'

/** RFC 3339 with any offset (M6); stored as received. */
export const datetime = Type.String({
  pattern: `^${day}[Tt]${time}(?:\\.\\d+)?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)$`,
  description: 'RFC 3339 date and time',
  'x-declared': { pattern: `^${day}[Tt]${time}(?:\\.\\d{1,6})?[Zz]$` },
})

/** Beyond this JSON numbers lose digits, so the value could not be given back. */
export const nonNegativeInteger = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
export const sequenceNumberMax = 2 ** 31 - 1
export const sequenceNumber = Type.Integer({
  minimum: 0,
  maximum: sequenceNumberMax,
  description: 'number of the event within its stream, assigned by the producer, gapless from 0',
})
export const probability = Type.Number({ minimum: 0, maximum: 1 })
export const flag = Type.Boolean()

/** M8: opaque, or null. */
export const cnxIdentity = Type.Union([Type.String({ maxLength: 200 }), Type.Null()])

/** Compared without regard to case (M9). Stored names are keys of an index, hence the length; NUL is no text there. */
export const algorithmName = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000]*$' })

/** JSON null for an optional field means that it is absent. */
export function optional<Schema extends TSchema>(schema: Schema) {
  return Type.Optional(Type.Union([schema, Type.Null()]))
}

/** An array whose declared limits real clients exceed (M10, M34, M35). */
export function softArray<Schema extends TSchema>(items: Schema, minItems: number, maxItems: number) {
  return Type.Array(items, { 'x-soft-limit': { minItems, maxItems } })
}

/** The outermost array of a request: clients slice at exactly this number. */
export function batch<Schema extends TSchema>(items: Schema, maxItems: number) {
  return Type.Array(items, { maxItems })
}
export const batchMax = 1000

/** The original declared this object closed; unknown keys inside are kept as they are (M38, D17). */
export const declaredClosed = { 'x-declared': { additionalProperties: false } } as const
