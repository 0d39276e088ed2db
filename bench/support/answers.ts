import { toUuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'

/*
 * The answers that benchmarks send: seeded, numbered per course, spread evenly over courses. An answer is a function of
 * (seed, course index, number), so reading back needs no memory of what was sent.
 */
export interface BenchAnswer {
  readonly part: number
  readonly course: string
  readonly number: number
  readonly response: string
  readonly trial: string
  readonly student: string
  readonly exercise: string
  readonly ecosystem: string
  readonly respondedAtMs: number
  readonly isCorrect: boolean
}

export interface BenchWorld {
  readonly courses: readonly string[]
  readonly parts: readonly number[]
  answer(course: number, number: number): BenchAnswer
}

const studentsPerCourse = 30
const exercises = 2000
const termStart = Date.UTC(2026, 8, 1)

export function createWorld(seed: number, courseCount: number): BenchWorld {
  const courses = Array.from({ length: courseCount }, (_, index) => seededUuid(seed, 1, index))
  const parts = courses.map((course) => partOf('course', toUuid(course)))
  const exerciseIds = Array.from({ length: exercises }, (_, index) => seededUuid(seed, 2, index))
  const students = courses.map((_, course) =>
    Array.from({ length: studentsPerCourse }, (_, index) => seededUuid(seed, 3, course * studentsPerCourse + index)),
  )
  const ecosystem = seededUuid(seed, 4, 0)
  return {
    courses,
    parts,
    answer: (course, number) => {
      const mixed = mix(seed ^ Math.imul(course, 0x9e3779b1) ^ Math.imul(number, 0x85ebca6b))
      const identity = course * 0x4000000 + number
      return {
        part: parts[course] ?? 0,
        course: courses[course] ?? '',
        number,
        response: seededUuid(seed, 5, identity),
        trial: seededUuid(seed, 6, identity),
        student: students[course]?.[mixed % studentsPerCourse] ?? '',
        exercise: exerciseIds[(mixed >>> 8) % exercises] ?? '',
        ecosystem,
        respondedAtMs: termStart + number * 1000 + (mixed % 1000),
        isCorrect: (mixed & 1) === 1,
      }
    },
  }
}

/** The item of `record_responses`, as text. */
export function answerJson(answer: BenchAnswer): string {
  return `{"response_uuid":"${answer.response}","course_uuid":"${answer.course}","sequence_number":${answer.number},"ecosystem_uuid":"${answer.ecosystem}","trial_uuid":"${answer.trial}","student_uuid":"${answer.student}","exercise_uuid":"${answer.exercise}","is_correct":${answer.isCorrect},"is_real_response":true,"responded_at":"${new Date(answer.respondedAtMs).toISOString()}"}`
}

function mix(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

const hex = Array.from({ length: 65536 }, (_, value) => value.toString(16).padStart(4, '0'))

/** Looks random (as version 4 uuids do, which is what makes indexes expensive), and is the same at each run. */
export function seededUuid(seed: number, family: number, index: number): string {
  const low = index >>> 0
  const high = Math.floor(index / 0x100000000)
  const a = mix(seed ^ Math.imul(family, 0x27d4eb2f) ^ low)
  const b = mix(a ^ Math.imul(high + 1, 0x165667b1))
  const c = mix(b ^ low)
  const d = mix(c ^ a)
  const h = (value: number): string => hex[value & 0xffff] ?? ''
  return `${h(a >>> 16)}${h(a)}-${h(b >>> 16)}-4${h(b).slice(1)}-8${h(c >>> 16).slice(1)}-${h(c)}${h(d >>> 16)}${h(d)}`
}
