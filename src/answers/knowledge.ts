import { type Learner, learnerOf } from '#choose/clue-inputs.ts'
import { type Audience, judgeAnswers } from '#choose/visible-answers.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Instant } from '#domain/student.ts'
import type { NamedMatrix } from '#due/matrix-store.ts'
import { sparfa } from '#estimate/sparfa/algorithm.ts'
import type { SparfaKnowledge } from '#estimate/sparfa/learner.ts'
import type { Edition } from './editions.ts'
import type { StudentRecord } from './student-records.ts'

/*
 * What SPARFA knows about one student, for one audience. It is a function of the student's record, the edition, the
 * matrix and, through withheld answers, the time; it is kept beside the record until one of these changes.
 */
export interface Known {
  readonly learner: Learner
  readonly knowledge: SparfaKnowledge
}

export interface KnowledgeKeeper {
  of(record: StudentRecord, edition: Edition, matrix: NamedMatrix, audience: Audience, now: Instant): Known
}

interface Kept extends Known {
  readonly edition: Edition
  /** When the next withheld answer becomes visible, which changes everything above. */
  readonly validUntil: Instant
}

export function createKnowledgeKeeper(options: { readonly withholdUntilDue: boolean }): KnowledgeKeeper {
  const kept = new WeakMap<StudentRecord, Map<string, Kept>>()
  return {
    of: (record, edition, matrix, audience, now) => {
      const ofRecord = kept.get(record) ?? new Map<string, Kept>()
      kept.set(record, ofRecord)
      const key = `${audience} ${matrix.uuid}`
      const before = ofRecord.get(key)
      if (before !== undefined && before.edition === edition && now < before.validUntil) return before
      const judged = judgeAnswers(record.answers, {
        audience,
        now,
        withholdUntilDue: options.withholdUntilDue,
        assignmentOfTrial: record.assignmentOfTrial,
        groupOf: edition.groupOf,
        exclusions: record.course.exclusions,
      })
      const learner = learnerOf(record.student.uuid, judged)
      const fresh: Kept = {
        learner,
        knowledge: sparfa.know(matrix.matrix, learner.inputs.answers),
        edition,
        validUntil: nextChange(judged.withheld),
      }
      // Matrices follow each other; what was computed with an older one is not asked for again.
      for (const old of ofRecord.keys()) if (old.startsWith(audience)) ofRecord.delete(old)
      ofRecord.set(key, fresh)
      return fresh
    },
  }
}

function nextChange(withheld: ReadonlyMap<Uuid, Instant>): Instant {
  let next = Number.POSITIVE_INFINITY
  for (const visibleAt of withheld.values()) next = Math.min(next, visibleAt)
  return next
}
