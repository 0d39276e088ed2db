import fc from 'fast-check'
import type { TSchema } from 'typebox'
import type { Endpoint } from '#api/endpoint.ts'
import { datetime, uuid } from '#api/schemas/values.ts'
import { compileValidation } from '#api/validation.ts'

/*
 * Bodies that a schema admits, made from the schema itself. Uuids come from a small pool so that streams, students and
 * assignments meet each other, in both cases of letters; strings and unknown keys hold whatever JSON can hold.
 */
type Json = Readonly<Record<string, unknown>>

const poolSize = 24
const pooledUuid = fc.tuple(fc.nat({ max: poolSize - 1 }), fc.boolean()).map(([number, isUpper]) => {
  const text = `abcdef00-0000-4000-8000-${String(number).padStart(12, '0')}`
  return isUpper ? text.toUpperCase() : text
})
const anyUuid = fc.oneof({ weight: 5, arbitrary: pooledUuid }, { weight: 2, arbitrary: fc.uuid() })

const two = (number: number): string => String(number).padStart(2, '0')
const anyDatetime = fc
  .record({
    year: fc.integer({ min: 0, max: 9999 }),
    month: fc.integer({ min: 1, max: 12 }),
    day: fc.integer({ min: 1, max: 31 }),
    hour: fc.integer({ min: 0, max: 23 }),
    second: fc.integer({ min: 0, max: 60 }),
    fraction: fc.constantFrom('', '.1', '.123', '.123456', '.1234567890123'),
    zone: fc.constantFrom('Z', 'z', '+00:00', '-11:30', '+23:59'),
  })
  .map(({ year, month, day, hour, second, fraction, zone }) => {
    const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`
    return `${date}T${two(hour)}:00:${two(second)}${fraction}${zone}`
  })

/** Names that have a meaning somewhere, so that the paths behind them are reached. */
const knownText = fc.constantFrom(
  'biglearn_sparfa',
  'student_driven_biglearn_sparfa',
  'LOCAL_QUERY',
  'reading',
  'homework',
  'practice',
  'record_response',
  'create_course',
  'no_op',
)

const patternOf = (schema: TSchema): unknown => (schema as Json)['pattern']

export function validBody(schema: TSchema): fc.Arbitrary<unknown> {
  const json = schema as Json
  if (json['pattern'] === patternOf(uuid)) return anyUuid
  if (json['pattern'] === patternOf(datetime)) return anyDatetime
  if (json['type'] === 'object') return validObject(json)
  if (Array.isArray(json['anyOf'])) return fc.oneof(...json['anyOf'].map(validBody))
  if ('const' in json) return fc.constant(json['const'])
  return validScalar(json)
}

/** Bodies that also keep the rules the schema can not say. */
export function validRequest({ request, check }: Endpoint): fc.Arbitrary<unknown> {
  return validBody(request).filter((body) => typeof body === 'object' && body !== null && check(body).length === 0)
}

function validScalar(json: Json): fc.Arbitrary<unknown> {
  const { type, minimum = 0, maximum = 1 } = json as { type: string; minimum?: number; maximum?: number }
  if (type === 'array') return validArray(json)
  if (type === 'string') return validText(json)
  if (type === 'boolean') return fc.boolean()
  if (type === 'null') return fc.constant(null)
  if (type === 'number') return fc.double({ min: minimum, max: maximum, noNaN: true })
  const small = fc.integer({ min: minimum, max: Math.min(maximum, minimum + 12) })
  const any = fc.integer({ min: minimum, max: Math.min(maximum, 2 ** 31 - 1) })
  return fc.oneof({ weight: 8, arbitrary: small }, { weight: 1, arbitrary: any }, fc.constant(maximum))
}

function validArray({ items, minItems, maxItems, uniqueItems }: Json): fc.Arbitrary<unknown> {
  const minLength = typeof minItems === 'number' ? minItems : 0
  const maxLength = Math.min(typeof maxItems === 'number' ? maxItems : 5, 5)
  const lengths = { minLength, maxLength }
  if (uniqueItems === true) return fc.uniqueArray(validBody(items as TSchema), lengths)
  return fc.array(validBody(items as TSchema), lengths)
}

function validText(json: Json): fc.Arbitrary<string> {
  const limits = { minLength: (json['minLength'] as number) ?? 0, maxLength: (json['maxLength'] as number) ?? 300 }
  const { passes } = compileValidation(json as unknown as TSchema, false)
  // A form that ordinary text does not have would never be met by chance.
  if (!passes('x')) return fc.stringMatching(new RegExp(json['pattern'] as string)).filter(passes)
  const any = fc.string({ ...limits, unit: 'binary' })
  const texts = fc.oneof({ weight: 3, arbitrary: knownText }, { weight: 2, arbitrary: any })
  return texts.filter(passes)
}

function validObject(json: Json): fc.Arbitrary<unknown> {
  const properties = Object.entries((json['properties'] as Json) ?? {})
  const fields = Object.fromEntries(properties.map(([key, schema]) => [key, validBody(schema as TSchema)]))
  const required = (json['required'] as string[] | undefined) ?? []
  const known = fc.record(fields, { requiredKeys: required })
  const isClosed = json['additionalProperties'] === false
  const extra = isClosed ? fc.constant({}) : fc.oneof({ weight: 6, arbitrary: fc.constant({}) }, unknownKeys)
  const whole = fc.tuple(extra, known).map(([surplus, body]) => ({ ...surplus, ...body }))
  if (json['anyOf'] === undefined) return whole
  const { passes } = compileValidation(json as unknown as TSchema, false)
  return whole.filter(passes)
}

const unknownKeys = fc.dictionary(
  fc.string({ maxLength: 12 }).map((key) => `x${key}`),
  fc.jsonValue({ maxDepth: 4 }),
  { maxKeys: 3 },
)
