import { LRUCache } from 'lru-cache'
import { assignmentsByTrial } from '#choose/visible-answers.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Answer, Assignment, Student } from '#domain/student.ts'
import type { CourseDetails, LearningReader } from '#learning/reader.ts'

/*
 * Everything the rules need of one student, as of one position of its course. A record never changes: when anything of
 * the student or its course moved, there is a new one, so what is computed from a record may be kept beside it.
 */
export interface StudentRecord {
  readonly student: Student
  readonly course: CourseDetails
  readonly answers: readonly Answer[]
  readonly assignments: readonly Assignment[]
  readonly assignmentOfTrial: ReadonlyMap<Uuid, Assignment>
  /** The newest event of the course that this record depends on. */
  readonly position: number
}

export interface StudentRecords {
  /** Students that no roster ever named are absent. */
  load(students: readonly Uuid[]): Promise<Map<Uuid, StudentRecord>>
  /** The same for students whose roster state is known already. */
  loadMembers(students: readonly Student[]): Promise<StudentRecord[]>
}

type RecordReader = Pick<
  LearningReader,
  'students' | 'courses' | 'courseVersions' | 'studentVersions' | 'answersOfMany' | 'assignmentsOfMany'
>

interface Kept {
  readonly version: string
  readonly record: StudentRecord
}

interface Stale {
  readonly student: Student
  readonly course: CourseDetails
  readonly version: string
  readonly position: number
}

function isStale(one: StudentRecord | Stale): one is Stale {
  return 'version' in one
}

/** A record with 300 answers takes about 100 kB. */
const recordsMax = 5000

export function openStudentRecords(reader: RecordReader): StudentRecords {
  const kept = new LRUCache<Uuid, Kept>({ max: recordsMax })
  const courses = new LRUCache<Uuid, CourseDetails>({ max: 10_000 })

  async function currentCourses(wanted: readonly Uuid[]): Promise<Map<Uuid, CourseDetails>> {
    const versions = await reader.courseVersions(wanted)
    const isCurrent = (course: Uuid): boolean => courses.get(course)?.version.changed === versions.get(course)?.changed
    const stale = wanted.filter((course) => versions.has(course) && !isCurrent(course))
    if (stale.length > 0) {
      for (const [course, details] of await reader.courses(stale)) courses.set(course, details)
    }
    const found = new Map<Uuid, CourseDetails>()
    for (const course of wanted) {
      const details = courses.get(course)
      if (details !== undefined && versions.has(course)) found.set(course, details)
    }
    return found
  }

  async function loadMembers(students: readonly Student[]): Promise<StudentRecord[]> {
    if (students.length === 0) return []
    const [byCourse, versions] = await Promise.all([
      currentCourses([...new Set(students.map(({ course }) => course))]),
      reader.studentVersions(students),
    ])
    const found: (StudentRecord | Stale)[] = students.flatMap((student) => {
      const course = byCourse.get(student.course)
      if (course === undefined) return []
      const work = versions.get(student.uuid)
      const version = `${work?.answer} ${work?.assignment} ${course.version.changed} ${course.uuid}`
      const known = kept.get(student.uuid)
      if (known?.version === version) return known.record
      const position = Math.max(work?.answer ?? -1, work?.assignment ?? -1, course.version.changed)
      return { student, course, version, position }
    })
    const fresh = await loadStale(found.filter(isStale))
    return found.flatMap((one) => (isStale(one) ? (fresh.get(one.student.uuid) ?? []) : one))
  }

  async function loadStale(stale: readonly Stale[]): Promise<Map<Uuid, StudentRecord>> {
    const fresh = new Map<Uuid, StudentRecord>()
    if (stale.length === 0) return fresh
    const keys = stale.map(({ student }) => student)
    const [answers, assignments] = await Promise.all([reader.answersOfMany(keys), reader.assignmentsOfMany(keys)])
    for (const { student, course, version, position } of stale) {
      const own = assignments.get(student.uuid) ?? []
      const record: StudentRecord = {
        student,
        course,
        answers: answers.get(student.uuid) ?? [],
        assignments: own,
        assignmentOfTrial: assignmentsByTrial(own),
        position,
      }
      kept.set(student.uuid, { version, record })
      fresh.set(student.uuid, record)
    }
    return fresh
  }

  return {
    loadMembers,
    load: async (students) => {
      const known = await reader.students(students)
      const records = await loadMembers([...known.values()])
      return new Map(records.map((record) => [record.student.uuid, record]))
    },
  }
}
