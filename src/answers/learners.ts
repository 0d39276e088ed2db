import { type Learner, learnerOf } from '#choose/clue-inputs.ts'
import { type Audience, judgeAnswers } from '#choose/visible-answers.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Instant } from '#domain/student.ts'
import type { Edition } from './editions.ts'
import type { StudentRecord } from './student-records.ts'

/*
 * One student's answers as they count for one audience in one edition, whatever the algorithm. It is a function of the
 * student's record, the edition and, through withheld answers, the time; it is kept beside the record until one of
 * these changes. So a learner that comes back as the same object has the same answers.
 */
export interface LearnerKeeper {
  of(record: StudentRecord, edition: Edition, audience: Audience, now: Instant): Learner
}

interface Kept {
  readonly learner: Learner
  readonly edition: Edition
  /** When the next withheld answer becomes visible, which changes everything above. */
  readonly validUntil: Instant
}

export function createLearnerKeeper(options: { readonly withholdUntilDue: boolean }): LearnerKeeper {
  const kept = new WeakMap<StudentRecord, Map<string, Kept>>()
  return {
    of: (record, edition, audience, now) => {
      const ofRecord = kept.get(record) ?? new Map<string, Kept>()
      kept.set(record, ofRecord)
      const key = `${audience} ${edition.ecosystem}`
      const before = ofRecord.get(key)
      if (before !== undefined && before.edition === edition && now < before.validUntil) return before.learner
      const judged = judgeAnswers(record.answers, {
        audience,
        now,
        withholdUntilDue: options.withholdUntilDue,
        assignmentOfTrial: record.assignmentOfTrial,
        groupOf: edition.groupOf,
        exclusions: record.course.exclusions,
      })
      const learner = learnerOf(record.student.uuid, judged)
      ofRecord.set(key, { learner, edition, validUntil: nextChange(judged.withheld) })
      return learner
    },
  }
}

/** When the first of these withheld answers becomes visible; infinite when none is withheld. */
export function nextChange(withheld: ReadonlyMap<Uuid, Instant>): Instant {
  let next = Number.POSITIVE_INFINITY
  for (const visibleAt of withheld.values()) next = Math.min(next, visibleAt)
  return next
}
