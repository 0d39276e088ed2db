import type { CourseCreation, Roster } from '#client/wire.ts'
import type { Naming } from './identity.ts'
import type { Study } from './study.ts'
import type { Term } from './term.ts'

/** Who sits where: learners in courses and periods, in the order of the study. Pure. */
export interface DemoCourse {
  readonly uuid: string
  readonly periods: readonly string[]
  readonly students: readonly DemoStudent[]
}

export interface DemoStudent {
  readonly uuid: string
  readonly period: string
  /** Index in the learners of the study. */
  readonly learner: number
}

export function enrol(study: Study, naming: Naming): DemoCourse[] {
  const { studentsPerCourse, studentsPerPeriod } = study.shape
  const courseCount = Math.ceil(study.learners.length / studentsPerCourse)
  return Array.from({ length: courseCount }, (_, course) => {
    const first = course * studentsPerCourse
    const size = Math.min(studentsPerCourse, study.learners.length - first)
    const periods = Array.from({ length: Math.ceil(size / studentsPerPeriod) }, (_, period) =>
      naming(`course/${course}/period/${period}`),
    )
    const students = Array.from({ length: size }, (_, index) => ({
      uuid: naming(`student/${study.learners[first + index]!.label}`),
      period: periods[Math.floor(index / studentsPerPeriod)]!,
      learner: first + index,
    }))
    return { uuid: naming(`course/${course}`), periods, students }
  })
}

export function courseCreation(course: DemoCourse, ecosystem: string, term: Term): CourseCreation {
  return {
    course_uuid: course.uuid,
    ecosystem_uuid: ecosystem,
    is_real_course: true,
    starts_at: isoTime(term.startsAtMs),
    ends_at: isoTime(term.endsAtMs),
    created_at: isoTime(term.startsAtMs),
  }
}

export function rosterOf(course: DemoCourse, naming: Naming, at: { term: Term; number: number }): Roster {
  const startedAt = isoTime(at.term.startsAtMs)
  return {
    request_uuid: naming(`roster/${course.uuid}`),
    course_uuid: course.uuid,
    sequence_number: at.number,
    course_containers: course.periods.map((period) => ({
      container_uuid: period,
      parent_container_uuid: course.uuid,
      created_at: startedAt,
    })),
    students: course.students.map((student) => ({
      student_uuid: student.uuid,
      container_uuid: student.period,
      enrolled_at: startedAt,
      last_course_container_change_at: startedAt,
    })),
  }
}

export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}
