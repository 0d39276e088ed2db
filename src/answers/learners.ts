import { type Learner, learnerOf } from '#choose/clue-inputs.ts'
import { type Audience, type JudgeOptions, judgeAnswers, judgeMore } from '#choose/visible-answers.ts'
import type { Uuid } from '#domain/ids.ts'
import { remembered } from '#domain/remembered.ts'
import type { Instant } from '#domain/student.ts'
import type { Edition } from './editions.ts'
import type { StudentRecord } from './student-records.ts'

/*
 * One student's answers as they count for one audience in one edition, whatever the algorithm. It is a function of the
 * student's record, the edition and, through withheld answers, the time; it is kept until one of these changes. So a
 * learner that comes back as the same object has the same answers. Of a record that continues an earlier one only the
 * new answers are judged.
 */
export interface LearnerKeeper {
  of(record: StudentRecord, edition: Edition, audience: Audience, now: Instant): Learner
  /** The same of a class, as the same list while nobody's answers are others. */
  ofClass(records: readonly StudentRecord[], edition: Edition, audience: Audience, now: Instant): readonly Learner[]
}

interface Kept {
  readonly record: StudentRecord
  readonly edition: Edition
  readonly learner: Learner
  /** When the next withheld answer becomes visible, which changes everything above. */
  readonly validUntil: Instant
}

/** A course and its periods, whose lists may begin with the same student. */
const classesPerStudent = 4

export function createLearnerKeeper(options: { readonly withholdUntilDue: boolean }): LearnerKeeper {
  const kept = new WeakMap<StudentRecord['history'], Map<string, Kept>>()
  /** By the first student, who is in few of them; the last ones asked for, newest first. */
  const keptClasses = new WeakMap<StudentRecord['history'], Map<string, readonly (readonly Learner[])[]>>()

  function judge(record: StudentRecord, before: Kept | undefined, rules: JudgeOptions): Learner {
    const added = before === undefined ? undefined : answersAdded(before.record, record)
    if (before === undefined || added === undefined) {
      return learnerOf(record.student.uuid, judgeAnswers(record.answers, rules))
    }
    if (added === 0) return before.learner
    return learnerOf(record.student.uuid, judgeMore(before.learner.judged, record.answers, added, rules))
  }

  function of(record: StudentRecord, edition: Edition, audience: Audience, now: Instant): Learner {
    const ofStudent = remembered(kept, record.history, () => new Map<string, Kept>())
    const key = `${audience} ${edition.ecosystem}`
    const known = ofStudent.get(key)
    const before = known?.edition === edition && now < known.validUntil ? known : undefined
    if (before?.record === record) return before.learner
    const learner = judge(record, before, {
      audience,
      now,
      withholdUntilDue: options.withholdUntilDue,
      assignmentOfTrial: record.assignmentOfTrial,
      groupOf: edition.groupOf,
      exclusions: record.course.exclusions,
    })
    ofStudent.set(key, { record, edition, learner, validUntil: nextChange(learner.judged.withheld) })
    return learner
  }

  return {
    of,
    ofClass: (records, edition, audience, now) => {
      const learners = records.map((record) => of(record, edition, audience, now))
      const [first] = records
      if (first === undefined || records.length === 1) return learners
      const ofFirst = remembered(keptClasses, first.history, () => new Map<string, readonly (readonly Learner[])[]>())
      const key = `${audience} ${edition.ecosystem}`
      const classes = ofFirst.get(key) ?? []
      const before = classes.find((one) => isSame(one, learners))
      const newest = before ?? learners
      ofFirst.set(key, [newest, ...classes.filter((one) => one !== newest)].slice(0, classesPerStudent))
      return newest
    },
  }
}

function isSame(one: readonly Learner[], other: readonly Learner[]): boolean {
  return one.length === other.length && one.every((learner, at) => learner === other[at])
}

/** How many answers `record` has more than `before`; `undefined` when anything else that verdicts rest on differs. */
function answersAdded(before: StudentRecord, record: StudentRecord): number | undefined {
  const added = record.answers.length - before.answers.length
  const isContinued =
    added >= 0 &&
    before.answers.at(-1) === record.answers[before.answers.length - 1] &&
    before.assignmentOfTrial === record.assignmentOfTrial &&
    before.course.exclusions === record.course.exclusions
  return isContinued ? added : undefined
}

/** When the first of these withheld answers becomes visible; infinite when none is withheld. */
export function nextChange(withheld: ReadonlyMap<Uuid, Instant>): Instant {
  let next = Number.POSITIVE_INFINITY
  for (const visibleAt of withheld.values()) next = Math.min(next, visibleAt)
  return next
}
