import { isUtf8 } from 'node:buffer'

/*
 * From bytes to a JSON object, in the order of api.md §1. Parsing is our own so that duplicate keys behave as in
 * JSON.parse, a key named `__proto__` is data like any other, and bytes that are not UTF-8 are refused.
 */
export type ParsedBody = { readonly object: object } | { readonly problem: string }

/** `application/json` or its alias `text/x-json`, in any case, parameters allowed. */
const jsonMediaType = /^[ \t]*(?:application\/json|text\/x-json)[ \t]*(?:;|$)/i

export function isJsonContentType(contentType: string | undefined): boolean {
  if (contentType === 'application/json') return true
  return contentType !== undefined && jsonMediaType.test(contentType)
}

export function parseBody(bytes: Buffer | undefined): ParsedBody {
  if (bytes === undefined || bytes.length === 0) return { problem: 'the body is empty' }
  if (!isUtf8(bytes)) return { problem: 'the body is not UTF-8' }
  let value: unknown
  try {
    value = JSON.parse(withoutByteOrderMark(bytes.toString('utf8')))
  } catch (error) {
    return { problem: error instanceof SyntaxError ? error.message : 'the body can not be parsed' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { problem: 'the body must be a JSON object' }
  }
  return { object: value }
}

function withoutByteOrderMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

/** Deeper nesting can not be written back by a recursive serialiser, and no client needs it. */
export const nestingMax = 100

export function isNestedTooDeep(value: unknown, levelsLeft: number = nestingMax): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levelsLeft === 0) return true
  for (const key in value) {
    if (isNestedTooDeep((value as Record<string, unknown>)[key], levelsLeft - 1)) return true
  }
  return false
}
