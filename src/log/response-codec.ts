import type { StreamEvent } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import { momentBytesMax, momentFromHex, momentLength, writeMoment } from './moment.ts'
import { uuidFromHex, writeUuid } from './uuid-bytes.ts'

/*
 * A recorded response in 58 to 92 bytes:
 *   tag 1 | response 16 | trial 16 | exercise 16 | responded_at 8 or 10 | ecosystem 0 or 16 | student 0 or 16
 * Ecosystem and student are left out when they equal those of the packed response before it in the same body. A
 * response that would not come back exactly is not packed (design D15): upper-case uuids, unknown keys, unusual times.
 */
export const packedTag = 0x80
const correct = 0x01
const realGiven = 0x02
const real = 0x04
const sameEcosystem = 0x08
const sameStudent = 0x10
const offsetGiven = 0x20

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
  return Buffer.from(scratch.subarray(0, rest + 32))
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

/** A packed response in a body given as hexadecimal text; `at` and `next` count digits. */
export interface PackedResponse {
  readonly at: number
  readonly next: number
  readonly ecosystemAt: number
  readonly studentAt: number
}

/** Finds the parts of the packed response at `at`; `previous` is the packed response before it in the body. */
export function locatePacked(hex: string, at: number, previous: PackedResponse | undefined): PackedResponse {
  const tag = Number.parseInt(hex.slice(at, at + 2), 16)
  let next = at + 2 * (fixedBytes + ((tag & offsetGiven) === 0 ? 8 : 10))
  let ecosystemAt = previous?.ecosystemAt ?? -1
  let studentAt = previous?.studentAt ?? -1
  if ((tag & sameEcosystem) === 0) {
    ecosystemAt = next
    next += 32
  }
  if ((tag & sameStudent) === 0) {
    studentAt = next
    next += 32
  }
  return { at, next, ecosystemAt, studentAt }
}

/** `event_data` of a packed response, in the order of api.md §6.12. */
export function responseData(
  hex: string,
  packed: PackedResponse,
  stream: Uuid,
  number: number,
): { [key: string]: unknown } {
  const { at } = packed
  const tag = Number.parseInt(hex.slice(at, at + 2), 16)
  const data: { [key: string]: unknown } = {
    response_uuid: uuidFromHex(hex, at + 2),
    course_uuid: stream,
    sequence_number: number,
    ecosystem_uuid: uuidFromHex(hex, packed.ecosystemAt),
    trial_uuid: uuidFromHex(hex, at + 34),
    student_uuid: uuidFromHex(hex, packed.studentAt),
    exercise_uuid: uuidFromHex(hex, at + 66),
    is_correct: (tag & correct) !== 0,
  }
  if ((tag & realGiven) !== 0) data['is_real_response'] = (tag & real) !== 0
  data['responded_at'] = momentFromHex(hex, at + 98, (tag & offsetGiven) !== 0)
  return data
}

const sampleUuid = '00000000-0000-0000-0000-000000000000'
const wireBytesWithoutValues = JSON.stringify({
  response_uuid: sampleUuid,
  course_uuid: sampleUuid,
  sequence_number: 0,
  ecosystem_uuid: sampleUuid,
  trial_uuid: sampleUuid,
  student_uuid: sampleUuid,
  exercise_uuid: sampleUuid,
  is_correct: true,
  responded_at: '',
}).length
const realKeyBytes = ',"is_real_response":'.length

/** UTF-8 bytes of the JSON of `responseData`, without making it (design D16). */
export function responseWireBytes(hex: string, packed: PackedResponse, number: number): number {
  const tag = Number.parseInt(hex.slice(packed.at, packed.at + 2), 16)
  const numberBytes = String(number).length - 1
  const correctBytes = (tag & correct) === 0 ? 1 : 0
  const realBytes = (tag & realGiven) === 0 ? 0 : realKeyBytes + ((tag & real) === 0 ? 5 : 4)
  const moment = momentLength(hex, packed.at + 98, (tag & offsetGiven) !== 0)
  return wireBytesWithoutValues + numberBytes + correctBytes + realBytes + moment
}
