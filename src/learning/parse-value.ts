import { isUuid, toUuid, type Uuid } from '#domain/ids.ts'
import type { Instant } from '#domain/student.ts'

/*
 * Single values of `event_data`, read without trust: what is absent, null or of another kind is `undefined` (api.md
 * M10: the API accepts more than its schemas say, and what it accepted must fold).
 */
export type Fields = { readonly [key: string]: unknown }

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function fieldsAt(fields: Fields, key: string): Fields | undefined {
  const value = fields[key]
  return isFields(value) ? value : undefined
}

/** The objects of a list; nulls and everything else inside are dropped. */
export function listAt(fields: Fields, key: string): Fields[] {
  const value = fields[key]
  return Array.isArray(value) ? value.filter(isFields) : []
}

export function uuidAt(fields: Fields, key: string): Uuid | undefined {
  const value = fields[key]
  return isUuid(value) ? toUuid(value) : undefined
}

/** The distinct uuids of a list in listed order; nulls (old clients send them) and non-uuids are dropped. */
export function uuidsAt(fields: Fields, key: string): Uuid[] {
  const value = fields[key]
  return Array.isArray(value) ? [...new Set(value.filter(isUuid).map(toUuid))] : []
}

export function booleanAt(fields: Fields, key: string, absent: boolean): boolean {
  const value = fields[key]
  return typeof value === 'boolean' ? value : absent
}

export function textAt(fields: Fields, key: string): string | undefined {
  const value = fields[key]
  return typeof value === 'string' ? value : undefined
}

export function countAt(fields: Fields, key: string): number | undefined {
  const value = fields[key]
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0x7fffffff ? value : undefined
}

export function instantAt(fields: Fields, key: string): Instant | undefined {
  const value = fields[key]
  return typeof value === 'string' ? parseInstant(value) : undefined
}

const dateTime = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])(\d\d):?(\d\d))$/

/**
 * RFC 3339 with any offset (design D17) in whole milliseconds. A 60th second and a 31st of a shorter month, which the
 * wire admits, count on into the next minute and month; `Date.parse` would refuse them.
 */
export function parseInstant(text: string): Instant | undefined {
  const found = dateTime.exec(text)
  if (found === null) return undefined
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHour = '0', offsetMinute = '0'] = found
  const date = new Date(0)
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day))
  date.setUTCHours(Number(hour), Number(minute), Number(second), Number(`${fraction}00`.slice(0, 3)))
  const offsetMs = (Number(offsetHour) * 60 + Number(offsetMinute)) * 60_000
  return date.getTime() + (sign === '-' ? offsetMs : sign === '+' ? -offsetMs : 0)
}
