import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { hasSoftLimits, strict, withSoftLimits } from './schemas/strict.ts'

/** A compiled body schema: whether a body passes, why not, and whether it exceeds a declared limit (M10). */
export interface Validation {
  passes(body: unknown): boolean
  /** Each text begins with the JSON path; at most eight. */
  explain(body: unknown): readonly string[]
  exceedsSoftLimit(body: unknown): boolean
}

export function compileValidation(schema: TSchema, isStrict: boolean): Validation {
  const validator = Compile(isStrict ? strict(schema) : schema)
  const softValidator = hasSoftLimits(schema) && !isStrict ? Compile(withSoftLimits(schema)) : undefined
  return {
    passes: (body) => validator.Check(body),
    explain: (body) => [
      ...new Set(validator.Errors(body).map(({ instancePath, message }) => `${jsonPath(instancePath)} ${message}`)),
    ],
    exceedsSoftLimit: (body) => softValidator !== undefined && !softValidator.Check(body),
  }
}

/** `/responses/0/course_uuid` → `$.responses[0].course_uuid`. */
export function jsonPath(pointer: string): string {
  const steps = pointer.split('/').slice(1)
  const texts = steps.map((step) =>
    /^\d+$/.test(step) ? `[${step}]` : `.${step.replaceAll('~1', '/').replaceAll('~0', '~')}`,
  )
  return `$${texts.join('')}`
}
