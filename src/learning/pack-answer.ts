import type { Uuid } from '#domain/ids.ts'
import type { Answer } from '#domain/student.ts'
import { digitsOf, uuidAt } from '#log/body/digits.ts'
import { writeUuid } from '#log/uuid-bytes.ts'

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

/**
 * The row becomes hexadecimal text once, which halves the time: a class has ten thousand answers. Many are kept in
 * memory, so their uuids are whole strings and not pieces of that text, and the ecosystem is one string in a row.
 */
export function unpackAnswers(bytes: Buffer): Answer[] {
  if (bytes.length % answerBytes !== 0) throw new RangeError(`${bytes.length} bytes are not whole packed answers`)
  const digits = digitsOf(bytes.toString('hex'))
  const answers: Answer[] = []
  for (let at = 0; at < bytes.length; at += answerBytes) {
    answers.push(unpackAnswer(bytes, digits, at, answers.at(-1)?.ecosystem))
  }
  return answers
}

function unpackAnswer(bytes: Buffer, digits: DataView, at: number, before: Uuid | undefined): Answer {
  const flags = bytes.readUInt8(at + 84)
  const uuid = (offset: number): Uuid => uuidAt(digits, 2 * (at + offset)) as Uuid
  const ecosystem = uuid(48)
  return {
    number: bytes.readUInt32BE(at + 64),
    response: uuid(0),
    trial: uuid(16),
    exercise: uuid(32),
    ecosystem: before === ecosystem ? before : ecosystem,
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
