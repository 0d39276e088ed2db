import type { Uuid } from '#domain/ids.ts'
import { byteFromHex } from '../uuid-bytes.ts'
import { digitsOf, putUuid } from './digits.ts'
import { momentLength, writeMomentText } from './moment.ts'
import {
  correct,
  exerciseOffset,
  momentOffset,
  offsetGiven,
  type PackedResponse,
  real,
  realGiven,
  trialOffset,
} from './response.ts'
import type { TextBuffer } from './text-buffer.ts'

/*
 * The JSON text of a packed response, exactly as JSON.stringify would make it of the event (api.md §4). It is the same
 * for all of them but for eight uuids, two numbers and a time: a template is copied and the digits, which the body has
 * already, are put into it. Measured: 0.4 µs a response, against 3 µs for making the object and its text.
 */
interface Template {
  /** Up to and including the quote before the value of `responded_at`. */
  readonly text: Buffer
  /** Where `event_data` begins. */
  readonly dataAt: number
  /** Where the two sequence numbers end. */
  readonly numberEnd: number
  readonly dataNumberEnd: number
  readonly eventAt: number
  readonly responseAt: number
  readonly courseAt: number
  readonly ecosystemAt: number
  readonly trialAt: number
  readonly studentAt: number
  readonly exerciseAt: number
}

/** After the value of `responded_at`: the ends of `event_data` and of the event. */
const ending = Buffer.from('"}}')
const zero = '0'.charCodeAt(0)
const shapeFlags = correct | realGiven | real
const templates: Template[] = []

/** One for each set of flags and count of the number's digits. */
function templateOf(tag: number, number: number): Template {
  const shape = tag & shapeFlags
  const digits = placesOf(number)
  const index = digits * (shapeFlags + 1) + shape
  templates[index] ??= createTemplate(shape, digits)
  return templates[index]
}

function createTemplate(shape: number, digits: number): Template {
  const number = digits === 1 ? 0 : 10 ** (digits - 1)
  const placeholder = (letter: string): string => '########-####-####-####-###########'.concat(letter)
  const text = JSON.stringify({
    sequence_number: number,
    event_uuid: placeholder('v'),
    event_type: 'record_response',
    event_data: {
      response_uuid: placeholder('r'),
      course_uuid: placeholder('c'),
      sequence_number: number,
      ecosystem_uuid: placeholder('y'),
      trial_uuid: placeholder('t'),
      student_uuid: placeholder('s'),
      exercise_uuid: placeholder('x'),
      is_correct: (shape & correct) !== 0,
      ...((shape & realGiven) === 0 ? {} : { is_real_response: (shape & real) !== 0 }),
      responded_at: '',
    },
  }).slice(0, -ending.length)
  const numberKey = '"sequence_number":'
  const numberAt = numberKey.length + digits
  return {
    text: Buffer.from(text),
    dataAt: text.indexOf('{', 1),
    numberEnd: text.indexOf(numberKey) + numberAt,
    dataNumberEnd: text.lastIndexOf(numberKey) + numberAt,
    eventAt: text.indexOf(placeholder('v')),
    responseAt: text.indexOf(placeholder('r')),
    courseAt: text.indexOf(placeholder('c')),
    ecosystemAt: text.indexOf(placeholder('y')),
    trialAt: text.indexOf(placeholder('t')),
    studentAt: text.indexOf(placeholder('s')),
    exerciseAt: text.indexOf(placeholder('x')),
  }
}

function placesOf(number: number): number {
  let digits = 1
  for (let limit = 10; number >= limit; limit *= 10) digits += 1
  return digits
}

/** UTF-8 bytes of `event_data` (design D16). */
export function responseDataBytes(hex: string, packed: PackedResponse, number: number): number {
  const tag = byteFromHex(hex, packed.at)
  const { text, dataAt } = templateOf(tag, number)
  return text.length - dataAt + momentLength(hex, packed.at + momentOffset, (tag & offsetGiven) !== 0) + 2
}

/** A packed response, with what its body does not say about it. */
export interface ResponseEvent extends PackedResponse {
  readonly hex: string
  readonly stream: Uuid
  readonly number: number
}

export function writeResponse(target: TextBuffer, event: ResponseEvent): void {
  const { hex, number, at } = event
  const { bytes, view, end } = target
  const tag = byteFromHex(hex, at)
  const template = templateOf(tag, number)
  const digits = digitsOf(hex)
  bytes.set(template.text, end)
  putUuid(view, end + template.eventAt, digits, at + 2)
  putUuid(view, end + template.responseAt, digits, at + 2)
  putStream(view, end + template.courseAt, event.stream)
  putUuid(view, end + template.ecosystemAt, digits, event.ecosystemAt)
  putUuid(view, end + template.trialAt, digits, at + trialOffset)
  putUuid(view, end + template.studentAt, digits, event.studentAt)
  putUuid(view, end + template.exerciseAt, digits, at + exerciseOffset)
  putNumber(bytes, end + template.numberEnd, number)
  putNumber(bytes, end + template.dataNumberEnd, number)
  const momentAt = end + template.text.length
  const momentEnd = writeMomentText(bytes, momentAt, hex, at + momentOffset, (tag & offsetGiven) !== 0)
  bytes.set(ending, momentEnd)
  target.end = momentEnd + ending.length
}

const streamText = Buffer.alloc(36)
const streamView = new DataView(streamText.buffer, streamText.byteOffset, streamText.byteLength)
let streamInHand = ''

/** Answers of one stream follow one another. */
function putStream(target: DataView, at: number, stream: string): void {
  if (stream !== streamInHand) {
    streamText.write(stream, 'latin1')
    streamInHand = stream
  }
  for (let index = 0; index < 36; index += 4) target.setInt32(at + index, streamView.getInt32(index))
}

/** The last digit stands before `end`; there are as many places as the number has digits. */
function putNumber(target: Uint8Array, end: number, number: number): void {
  let rest = number
  for (let at = end - 1; rest > 0; at -= 1) {
    const tenth = Math.floor(rest / 10)
    target[at] = zero + rest - 10 * tenth
    rest = tenth
  }
}
