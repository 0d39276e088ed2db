import type { Uuid } from '#domain/ids.ts'
import type { AssignedExercise, Assignment } from '#domain/student.ts'
import { ByteReader, ByteWriter } from './bytes.ts'

/*
 * An assignment without its keys (uuid, student, first and last number stand in columns): layout number, flags,
 * ecosystem, type, four instants, two goals, containers, then 33 bytes for each assigned exercise.
 */
export type AssignmentKeys = Pick<Assignment, 'uuid' | 'student' | 'firstNumber' | 'lastNumber'>
export type AssignmentBody = Omit<Assignment, keyof AssignmentKeys>

const layout = 1
const goalAbsent = 0xffff_ffff

export function packAssignment(assignment: AssignmentBody): Buffer {
  const bytes = new ByteWriter()
  bytes.byte(layout)
  bytes.byte(flags([assignment.isDeleted, assignment.spesAreAssigned, assignment.pesAreAssigned]))
  bytes.uuid(assignment.ecosystem)
  bytes.text(assignment.type)
  bytes.instant(assignment.opensAt)
  bytes.instant(assignment.dueAt)
  bytes.instant(assignment.feedbackAt)
  bytes.instant(assignment.createdAt)
  bytes.count(assignment.goalSpes ?? goalAbsent)
  bytes.count(assignment.goalPes ?? goalAbsent)
  bytes.uuids(assignment.containers)
  bytes.count(assignment.exercises.length)
  for (const { trial, exercise, isSpe, isPe } of assignment.exercises) {
    bytes.uuid(trial)
    bytes.uuid(exercise)
    bytes.byte(flags([isSpe, isPe]))
  }
  return bytes.finish()
}

export function unpackAssignment(keys: AssignmentKeys, body: Buffer): Assignment {
  const bytes = new ByteReader(body)
  const found = bytes.byte()
  if (found !== layout) throw new RangeError(`assignment ${keys.uuid} has the unknown layout ${found}`)
  const bits = bytes.byte()
  return {
    ...keys,
    isDeleted: hasFlag(bits, 0),
    spesAreAssigned: hasFlag(bits, 1),
    pesAreAssigned: hasFlag(bits, 2),
    ecosystem: bytes.uuid(),
    type: bytes.text(),
    opensAt: bytes.instant(),
    dueAt: bytes.instant(),
    feedbackAt: bytes.instant(),
    createdAt: bytes.instant() ?? 0,
    goalSpes: goalOf(bytes.count()),
    goalPes: goalOf(bytes.count()),
    containers: bytes.uuids(),
    exercises: bytes.list(() => unpackExercise(bytes)),
  }
}

function unpackExercise(bytes: ByteReader): AssignedExercise {
  const trial: Uuid = bytes.uuid()
  const exercise: Uuid = bytes.uuid()
  const bits = bytes.byte()
  return { trial, exercise, isSpe: hasFlag(bits, 0), isPe: hasFlag(bits, 1) }
}

function flags(claims: readonly boolean[]): number {
  return claims.reduce((bits, claim, index) => bits | (claim ? 1 << index : 0), 0)
}

function hasFlag(bits: number, index: number): boolean {
  return ((bits >> index) & 1) === 1
}

function goalOf(count: number): number | undefined {
  return count === goalAbsent ? undefined : count
}
