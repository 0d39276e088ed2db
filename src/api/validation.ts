import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Format } from 'typebox/format'
import { isUuid } from '#domain/ids.ts'
import { hasSoftLimits, strict, withFormat, withSoftLimits } from './schemas/strict.ts'
import { algorithmName, datetime, uuid } from './schemas/values.ts'

/** A compiled body schema: whether a body passes, why not, and whether it exceeds a declared limit (M10). */
export interface Validation {
  passes(body: unknown): boolean
  /** Each text begins with the JSON path; at most eight. */
  explain(body: unknown): readonly string[]
  exceedsSoftLimit(body: unknown): boolean
}

export function compileValidation(schema: TSchema, isStrict: boolean): Validation {
  const validator = compile(isStrict ? strict(schema) : schema)
  const softValidator = hasSoftLimits(schema) && !isStrict ? compile(withSoftLimits(schema)) : undefined
  return {
    passes: (body) => validator.Check(body),
    explain: (body) => explainErrors(validator.Errors(body)),
    exceedsSoftLimit: (body) => softValidator !== undefined && !softValidator.Check(body),
  }
}

const uuidFormat = 'biglearn_uuid'
Format.Set(uuidFormat, isUuid)

function compile(schema: TSchema) {
  return Compile(withFormat(schema, patternOf(uuid), uuidFormat))
}

interface SchemaError {
  readonly keyword: string
  readonly instancePath: string
  readonly message: string
  readonly params: object
}

const patternTexts = new Map([
  [patternOf(datetime), 'must be an RFC 3339 date and time'],
  [patternOf(algorithmName), 'must not hold NUL'],
])

function patternOf(schema: object): unknown {
  return 'pattern' in schema ? schema.pattern : undefined
}

/** Says for an optional field what it should be, not that it is no null either. */
function explainErrors(errors: readonly SchemaError[]): readonly string[] {
  const telling = errors.filter(
    ({ keyword, params }) => keyword !== 'anyOf' && !('type' in params && params.type === 'null'),
  )
  const shown = telling.length > 0 ? telling : errors
  return [...new Set(shown.map((error) => `${jsonPath(error.instancePath)} ${textOf(error)}`))]
}

function textOf({ keyword, message, params }: SchemaError): string {
  if (keyword === 'format') return 'must be a uuid'
  return (keyword === 'pattern' ? patternTexts.get(patternOf(params)) : undefined) ?? message
}

/** `/responses/0/course_uuid` → `$.responses[0].course_uuid`. */
export function jsonPath(pointer: string): string {
  const steps = pointer.split('/').slice(1)
  const texts = steps.map((step) =>
    /^\d+$/.test(step) ? `[${step}]` : `.${step.replaceAll('~1', '/').replaceAll('~0', '~')}`,
  )
  return `$${texts.join('')}`
}
