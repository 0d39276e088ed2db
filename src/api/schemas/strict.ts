import type { TSchema } from 'typebox'

/*
 * One schema, three readings (M10): as written (what the server enforces), with the soft limits (to count requests
 * that exceed them), and strict (everything that was ever declared; for contract tests).
 */
type Keyword = 'x-soft-limit' | 'x-declared'

export function withSoftLimits(schema: TSchema): TSchema {
  return tighten(schema, ['x-soft-limit']) as TSchema
}

export function strict(schema: TSchema): TSchema {
  return tighten(schema, ['x-soft-limit', 'x-declared']) as TSchema
}

export function hasSoftLimits(schema: TSchema): boolean {
  return JSON.stringify(schema).includes('"x-soft-limit"')
}

/** A schema in which a pattern is named, for whoever checks it by code: patterns are slower, and are for people. */
export function withFormat(schema: TSchema, pattern: unknown, format: string): TSchema {
  const name = (copy: Record<string, unknown>): void => {
    if (copy['pattern'] !== pattern) return
    delete copy['pattern']
    copy['format'] = format
  }
  return changed(schema, name) as TSchema
}

/** A schema with the overrides found under the keywords applied. */
function tighten(schema: unknown, keywords: readonly Keyword[]): unknown {
  return changed(schema, (copy) => {
    for (const keyword of keywords) Object.assign(copy, copy[keyword])
  })
}

/** Copies a schema and changes each node of the copy, inner ones first; TypeBox's hidden markers are kept. */
function changed(node: unknown, change: (copy: Record<string, unknown>) => void): unknown {
  if (Array.isArray(node)) return node.map((item) => changed(item, change))
  if (typeof node !== 'object' || node === null) return node
  const copy: Record<string, unknown> = Object.create(
    null,
    Object.fromEntries(
      Object.entries(Object.getOwnPropertyDescriptors(node)).filter(([, property]) => property.enumerable !== true),
    ),
  )
  Object.setPrototypeOf(copy, Object.prototype)
  for (const [key, value] of Object.entries(node)) copy[key] = changed(value, change)
  change(copy)
  return copy
}
