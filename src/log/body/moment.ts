import { numberFromHex } from '../uuid-bytes.ts'

/**
 * RFC 3339 times in 8 or 10 bytes, so that exactly the received text comes back: 5 bytes of local seconds since 1970,
 * 3 bytes with the number of fraction digits (0…6) above 20 bits of microseconds, then, unless the zone is Z, the
 * offset in minutes. Texts outside this form (years before 1970, leap seconds, lower case, "-00:00") are not packed.
 */
export const momentBytesMax = 10
/** 2026-01-01T00:00:00.000000+00:00 */
export const momentTextMax = 32
const utc = 'Z'.charCodeAt(0)
const plus = '+'.charCodeAt(0)
const minus = '-'.charCodeAt(0)
const point = '.'.charCodeAt(0)
const colon = ':'.charCodeAt(0)
const zero = '0'.charCodeAt(0)
const scale = [1_000_000, 100_000, 10_000, 1000, 100, 10, 1]
const daysInMonth = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Writes `text` at `offset`; the number of bytes written, or 0 when it has to be kept as text. */
export function writeMoment(target: Buffer, offset: number, text: unknown): number {
  if (typeof text !== 'string' || text.length < 20) return 0
  const seconds = localSeconds(text)
  if (seconds < 0) return 0
  let at = 19
  let digits = 0
  let fraction = 0
  if (text[at] === '.') {
    at += 1
    for (; digits < 6 && isDigit(text.charCodeAt(at)); digits += 1, at += 1) {
      fraction = fraction * 10 + text.charCodeAt(at) - 48
    }
    if (digits === 0) return 0
  }
  const zone = offsetMinutes(text, at)
  if (zone === undefined) return 0
  target.writeUIntBE(seconds, offset, 5)
  target.writeUIntBE(digits * 0x100000 + fraction * scale[digits]!, offset + 5, 3)
  if (text.charCodeAt(at) === utc) return 8
  target.writeInt16BE(zone, offset + 8)
  return 10
}

/** Writes the text again, `momentLength` bytes; `hasOffset` says whether 10 or 8 bytes stand at `from` of the body. */
export function writeMomentText(target: Uint8Array, at: number, hex: string, from: number, hasOffset: boolean): number {
  let end = writeLocal(target, at, numberFromHex(hex, from, 10))
  const packed = numberFromHex(hex, from + 10, 6)
  const digits = packed >>> 20
  if (digits > 0) target[end] = point
  let rest = packed & 0xfffff
  for (let place = 0; place < digits; place += 1) {
    const unit = scale[place + 1]!
    const digit = (rest / unit) | 0
    target[end + 1 + place] = zero + digit
    rest -= digit * unit
  }
  end += digits > 0 ? digits + 1 : 0
  if (hasOffset) return writeOffset(target, end, numberFromHex(hex, from + 16, 4))
  target[end] = utc
  return end + 1
}

/** Length of the text that `writeMomentText` gives, without making it. */
export function momentLength(hex: string, at: number, hasOffset: boolean): number {
  const digits = numberFromHex(hex, at + 10, 1)
  return 19 + (digits === 0 ? 0 : digits + 1) + (hasOffset ? 6 : 1)
}

function localSeconds(text: string): number {
  const year = number(text, 0, 4)
  const month = number(text, 5, 2)
  const day = number(text, 8, 2)
  const hour = number(text, 11, 2)
  const minute = number(text, 14, 2)
  const second = number(text, 17, 2)
  const isShaped =
    text[4] === '-' && text[7] === '-' && text[10] === 'T' && text[13] === ':' && text[16] === ':' && year >= 1970
  const isTime = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60
  const isDate = month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth[month - 1]!
  if (!isShaped || !isTime || !isDate || (month === 2 && day === 29 && !isLeap(year))) return -1
  return Date.UTC(year, month - 1, day, hour, minute, second) / 1000
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)
}

/** -1 unless `length` digits stand there. */
function number(text: string, at: number, length: number): number {
  let value = 0
  for (let index = at; index < at + length; index += 1) {
    const code = text.charCodeAt(index)
    if (!isDigit(code)) return -1
    value = value * 10 + code - 48
  }
  return value
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57
}

/** Minutes of the zone that makes up the rest of the text; undefined when it is no zone that can be given back. */
function offsetMinutes(text: string, at: number): number | undefined {
  const sign = text.charCodeAt(at)
  if (sign === utc) return text.length === at + 1 ? 0 : undefined
  if ((sign !== plus && sign !== minus) || text.length !== at + 6 || text[at + 3] !== ':') return undefined
  const hours = number(text, at + 1, 2)
  const minutes = number(text, at + 4, 2)
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return undefined
  const total = hours * 60 + minutes
  if (sign === plus) return total
  return total === 0 ? undefined : -total
}

let lastDay = -1
let lastDayText = Buffer.alloc(11)

/** Answers of one body are mostly of one day, whose text is kept. */
function writeLocal(target: Uint8Array, at: number, seconds: number): number {
  const day = Math.floor(seconds / 86_400)
  if (day !== lastDay) {
    lastDay = day
    lastDayText = Buffer.from(new Date(day * 86_400_000).toISOString().slice(0, 11), 'latin1')
  }
  for (let index = 0; index < 11; index += 1) target[at + index] = lastDayText[index]!
  const rest = (seconds - day * 86_400) | 0
  const minutes = (rest / 60) | 0
  writeTwo(target, at + 11, (minutes / 60) | 0)
  target[at + 13] = colon
  writeTwo(target, at + 14, minutes % 60)
  target[at + 16] = colon
  writeTwo(target, at + 17, rest % 60)
  return at + 19
}

function writeOffset(target: Uint8Array, at: number, unsigned: number): number {
  const minutes = unsigned > 0x7fff ? unsigned - 0x10000 : unsigned
  const size = Math.abs(minutes)
  target[at] = minutes < 0 ? minus : plus
  writeTwo(target, at + 1, Math.floor(size / 60))
  target[at + 3] = colon
  writeTwo(target, at + 4, size % 60)
  return at + 6
}

function writeTwo(target: Uint8Array, at: number, value: number): void {
  const tens = (value / 10) | 0
  target[at] = zero + tens
  target[at + 1] = zero + value - tens * 10
}
