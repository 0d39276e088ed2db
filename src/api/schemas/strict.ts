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

/** Copies a schema with the overrides found under the keywords applied; TypeBox's hidden markers are kept. */
function tighten(node: unknown, keywords: readonly Keyword[]): unknown {
  if (Array.isArray(node)) return node.map((item) => tighten(item, keywords))
  if (typeof node !== 'object' || node === null) return node
  const copy: Record<string, unknown> = Object.create(
    null,
    Object.fromEntries(
      Object.entries(Object.getOwnPropertyDescriptors(node)).filter(([, property]) => property.enumerable !== true),
    ),
  )
  Object.setPrototypeOf(copy, Object.prototype)
  for (const [key, value] of Object.entries(node)) copy[key] = tighten(value, keywords)
  for (const keyword of keywords) Object.assign(copy, copy[keyword])
  return copy
}
