import type { Answer } from '#domain/student.ts'
import { writeUuid } from '#log/uuid-bytes.ts'
import { uuidOfHex } from './bytes.ts'

/*
 * One answer in 85 bytes; a row is a plain sequence of them, so two rows are merged by putting one behind the other.
 *
 *   0 response · 16 trial · 32 exercise · 48 ecosystem (raw uuids) · 64 number (uint32)
 *   68 respondedAt · 76 recordedAt (int64, ms) · 84 flags: 1 correct, 2 real
 *
 * The view learning_answer_unpacked reads the same layout in SQL; a test compares the two.
 */
export const answerBytes = 85
/** A row stays in its table page: 90 × 85 bytes and the row header are below toast_tuple_target. */
export const answersPerRowMax = 90

export function packAnswer(bytes: Buffer, at: number, answer: Answer): void {
  writeUuid(bytes, at, answer.response)
  writeUuid(bytes, at + 16, answer.trial)
  writeUuid(bytes, at + 32, answer.exercise)
  writeUuid(bytes, at + 48, answer.ecosystem)
  bytes.writeUInt32BE(answer.number, at + 64)
  writeInstant(bytes, at + 68, answer.respondedAt)
  writeInstant(bytes, at + 76, answer.recordedAt)
  bytes[at + 84] = (answer.isCorrect ? 1 : 0) | (answer.isReal ? 2 : 0)
}

/** The row becomes hexadecimal text once, which halves the time: a class has ten thousand answers. */
export function unpackAnswers(bytes: Buffer): Answer[] {
  if (bytes.length % answerBytes !== 0) throw new RangeError(`${bytes.length} bytes are not whole packed answers`)
  const hex = bytes.toString('hex')
  const answers: Answer[] = []
  for (let at = 0; at < bytes.length; at += answerBytes) answers.push(unpackAnswer(bytes, hex, at))
  return answers
}

function unpackAnswer(bytes: Buffer, hex: string, at: number): Answer {
  const flags = bytes.readUInt8(at + 84)
  return {
    number: bytes.readUInt32BE(at + 64),
    response: uuidOfHex(hex, 2 * at),
    trial: uuidOfHex(hex, 2 * (at + 16)),
    exercise: uuidOfHex(hex, 2 * (at + 32)),
    ecosystem: uuidOfHex(hex, 2 * (at + 48)),
    isCorrect: (flags & 1) === 1,
    isReal: (flags & 2) === 2,
    respondedAt: readInstant(bytes, at + 68),
    recordedAt: readInstant(bytes, at + 76),
  }
}

/** The same bytes as writeBigInt64BE without making a bigint for each answer. */
function writeInstant(bytes: Buffer, at: number, instant: number): void {
  const high = Math.floor(instant / 2 ** 32)
  bytes.writeInt32BE(high, at)
  bytes.writeUInt32BE(instant - high * 2 ** 32, at + 4)
}

function readInstant(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
}
