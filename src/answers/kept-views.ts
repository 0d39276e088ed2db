import type { PastReader } from '#learning/past-reader.ts'
import { type Editions, openEditions } from './editions.ts'
import { createLearnerKeeper, type LearnerKeeper } from './learners.ts'
import { openStudentRecords, type StudentRecords } from './student-records.ts'

/** What one process keeps in memory of books and students, shared by everything that answers from it. */
export interface KeptViews {
  readonly editions: Editions
  readonly records: StudentRecords
  readonly learners: LearnerKeeper
}

export interface ViewOptions {
  /** Design D22: without a feedback time, an answer is withheld until a due time in the future. */
  readonly withholdUntilDue: boolean
  /** Records of students that are kept in memory; 0 reads everything each time. */
  readonly studentsMax?: number | undefined
}

export function openKeptViews(reader: PastReader, options: ViewOptions): KeptViews {
  return {
    editions: openEditions(reader),
    records: openStudentRecords(reader, { recordsMax: options.studentsMax }),
    learners: createLearnerKeeper(options),
  }
}
