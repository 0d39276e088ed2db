import type { StreamEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { byteFromHex, writeUuid } from '../uuid-bytes.ts'
import { digitsOf, putUuid, uuidLength } from './digits.ts'
import { momentBytesMax, momentTextMax, writeMoment, writeMomentText } from './moment.ts'

/*
 * A recorded response in 58 to 92 bytes:
 *   tag 1 | response 16 | trial 16 | exercise 16 | responded_at 8 or 10 | ecosystem 0 or 16 | student 0 or 16
 * Ecosystem and student are left out when they equal those of the packed response before it in the same body. A
 * response that would not come back exactly is not packed (design D15): upper-case uuids, unknown keys, unusual times.
 */
export const packedTag = 0x80
export const correct = 0x01
export const realGiven = 0x02
export const real = 0x04
const sameEcosystem = 0x08
const sameStudent = 0x10
export const offsetGiven = 0x20

const fixedBytes = 1 + 3 * 16
const packedBytesMax = fixedBytes + momentBytesMax + 2 * 16
const scratch = Buffer.alloc(packedBytesMax)

/** Complete form: ecosystem and student present, flags for "same" unset. Undefined when it can not be packed. */
export function packResponse(event: StreamEvent): Buffer | undefined {
  const { data } = event
  if (data['response_uuid'] !== event.eventUuid || data['course_uuid'] !== event.stream) return undefined
  if (data['sequence_number'] !== event.number) return undefined
  const isCorrect = data['is_correct']
  const isReal = data['is_real_response']
  if (typeof isCorrect !== 'boolean') return undefined
  if (isReal === undefined ? 'is_real_response' in data : typeof isReal !== 'boolean') return undefined
  if (Object.keys(data).length !== (isReal === undefined ? 9 : 10)) return undefined

  const momentBytes = writeMoment(scratch, fixedBytes, data['responded_at'])
  if (momentBytes === 0) return undefined
  const rest = fixedBytes + momentBytes
  const isWritten =
    writeUuid(scratch, 1, event.eventUuid) &&
    writeUuid(scratch, 17, data['trial_uuid']) &&
    writeUuid(scratch, 33, data['exercise_uuid']) &&
    writeUuid(scratch, rest, data['ecosystem_uuid']) &&
    writeUuid(scratch, rest + 16, data['student_uuid'])
  if (!isWritten) return undefined
  let flags = isCorrect ? correct : 0
  if (isReal !== undefined) flags |= isReal === true ? realGiven | real : realGiven
  if (momentBytes === momentBytesMax) flags |= offsetGiven
  scratch[0] = packedTag | flags
  const packed = Buffer.allocUnsafe(rest + 32)
  scratch.copy(packed, 0, 0, rest + 32)
  return packed
}

/** Copies a complete form behind the one before it in the body, leaving out what is the same; returns the new end. */
export function appendPacked(body: Buffer, end: number, packed: Buffer, previous: Buffer | undefined): number {
  const rest = packed.length - 32
  const isSameEcosystem = previous !== undefined && equalTail(packed, previous, 32, 16)
  const isSameStudent = previous !== undefined && equalTail(packed, previous, 16, 0)
  let at = end + packed.copy(body, end, 0, rest)
  if (!isSameEcosystem) at += packed.copy(body, at, rest, rest + 16)
  if (!isSameStudent) at += packed.copy(body, at, rest + 16, rest + 32)
  body[end] = packed[0]! | (isSameEcosystem ? sameEcosystem : 0) | (isSameStudent ? sameStudent : 0)
  return at
}

/** Compares the bytes from `from` to `to`, both counted from the end. */
function equalTail(one: Buffer, other: Buffer, from: number, to: number): boolean {
  return one.compare(other, other.length - from, other.length - to, one.length - from, one.length - to) === 0
}

/** Where the parts of a packed response stand in a body given as hexadecimal text, counted in digits. */
export interface PackedResponse {
  readonly at: number
  readonly ecosystemAt: number
  readonly studentAt: number
}
export const trialOffset = 2 + 32
export const exerciseOffset = trialOffset + 32
export const momentOffset = exerciseOffset + 32

/** Where a reader of a body is; before the first packed response ecosystem and student stand nowhere. */
export interface PackedCursor {
  at: number
  ecosystemAt: number
  studentAt: number
}

/** From the start of the packed response at `cursor.at` to its end; finds its ecosystem and student. */
export function passPacked(hex: string, cursor: PackedCursor): void {
  const tag = byteFromHex(hex, cursor.at)
  cursor.at += momentOffset + ((tag & offsetGiven) === 0 ? 16 : 20)
  if ((tag & sameEcosystem) === 0) {
    cursor.ecosystemAt = cursor.at
    cursor.at += 32
  }
  if ((tag & sameStudent) === 0) {
    cursor.studentAt = cursor.at
    cursor.at += 32
  }
}

const text = Buffer.alloc(5 * uuidLength + momentTextMax, '-')
const view = new DataView(text.buffer, text.byteOffset, text.length)

/**
 * `event_data` of a packed response, in the order of api.md §6.12. Its texts are slices of one string, which takes a
 * third of the time of making one after the other.
 */
export function responseData(
  hex: string,
  packed: PackedResponse,
  stream: Uuid,
  number: number,
): { [key: string]: unknown } {
  const { at } = packed
  const tag = byteFromHex(hex, at)
  const digits = digitsOf(hex)
  putUuid(view, 0, digits, at + 2)
  putUuid(view, uuidLength, digits, packed.ecosystemAt)
  putUuid(view, 2 * uuidLength, digits, at + trialOffset)
  putUuid(view, 3 * uuidLength, digits, packed.studentAt)
  putUuid(view, 4 * uuidLength, digits, at + exerciseOffset)
  const end = writeMomentText(text, 5 * uuidLength, hex, at + momentOffset, (tag & offsetGiven) !== 0)
  const texts = text.toString('latin1', 0, end)
  const data: { [key: string]: unknown } = {
    response_uuid: texts.slice(0, uuidLength),
    course_uuid: stream,
    sequence_number: number,
    ecosystem_uuid: texts.slice(uuidLength, 2 * uuidLength),
    trial_uuid: texts.slice(2 * uuidLength, 3 * uuidLength),
    student_uuid: texts.slice(3 * uuidLength, 4 * uuidLength),
    exercise_uuid: texts.slice(4 * uuidLength, 5 * uuidLength),
    is_correct: (tag & correct) !== 0,
  }
  if ((tag & realGiven) !== 0) data['is_real_response'] = (tag & real) !== 0
  data['responded_at'] = texts.slice(5 * uuidLength)
  return data
}
