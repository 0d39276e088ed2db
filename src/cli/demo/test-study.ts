import { buildBook } from './book.ts'
import { enrol } from './enrolment.ts'
import { namingOf } from './identity.ts'
import type { Study, StudyAnswer } from './study.ts'
import { termEnding } from './term.ts'
import { buildTimeline, type World } from './timeline.ts'

/** A small study for tests: 25 learners, three chapters of two pages, one question on two pages. */
export const smallStudy: Study = {
  name: 'small',
  fingerprint: 'small',
  questions: [...[0, 1, 2, 3, 4].map((page) => ({ label: 10 + page, pages: [page] })), { label: 20, pages: [1, 4] }],
  pageCount: 5,
  learners: Array.from({ length: 25 }, (_, label) => ({ label, answers: answersOf(label, 10 + (label % 3) * 7) })),
  shape: { pagesPerChapter: 2, studentsPerCourse: 10, studentsPerPeriod: 4, exercisesPerAssignment: 5 },
}

function answersOf(label: number, count: number): StudyAnswer[] {
  return Array.from({ length: count }, (_, index) => ({
    question: (label + index) % 6,
    isCorrect: (label * 7 + index * 3) % 5 < 3,
  }))
}

export const nowMs = Date.parse('2026-05-20T12:00:00Z')

export function smallWorld(study: Study = smallStudy): World {
  const naming = namingOf(study.fingerprint, 1)
  return { study, naming, term: termEnding(nowMs), book: buildBook(study, naming, '2026-01-01T00:00:00Z') }
}

export function timelinesOf(world: World) {
  return enrol(world.study, world.naming).map((course) => buildTimeline(world, course, 5))
}
