import type { Uuid } from '#domain/ids.ts'
import type { Answer, Assignment, Exclusions, Instant } from '#domain/student.ts'
import { type CountedAnswer, CountedAnswers } from './counted-answers.ts'
import { courseExclusion, type GroupOf } from './exclusions.ts'

/** A student sees its CLUE while work may still be open; a teacher sees everything. */
export type Audience = 'student' | 'teacher'

/**
 * What became of one answer. `counted`; `superseded` by a later counted answer to the same exercise group; `withheld`
 * from the student until the feedback time; or left out because the course excludes the exercise, its assignment has
 * not arrived, or no ecosystem knows the exercise.
 */
export type Verdict = 'counted' | 'superseded' | 'withheld' | 'excluded' | 'trial_unknown' | 'exercise_unknown'

export interface JudgedAnswer {
  readonly answer: Answer
  readonly group: Uuid | undefined
  readonly verdict: Verdict
  /** When a withheld answer becomes visible. */
  readonly visibleAt: Instant | undefined
}

export interface JudgedAnswers {
  /** In order of recording, each event once. */
  readonly judged: readonly JudgedAnswer[]
  /** The one answer of each exercise group that counts. */
  readonly counted: CountedAnswers
  /** Exercise group → when the next withheld answer to it becomes visible. */
  readonly withheld: ReadonlyMap<Uuid, Instant>
}

export interface JudgeOptions {
  readonly audience: Audience
  readonly now: Instant
  /** Design D22: without a feedback time, withhold until a due time in the future. */
  readonly withholdUntilDue: boolean
  readonly assignmentOfTrial: { get(trial: Uuid): Assignment | undefined }
  readonly groupOf: GroupOf
  readonly exclusions: Exclusions
}

/** Judges one student's answers for CLUEs (scheduler.md §5.3 with design D22). Order and duplicates do not matter. */
export function judgeAnswers(answers: readonly Answer[], options: JudgeOptions): JudgedAnswers {
  const ordered = inOrder(answers)
  const { counted, withheld } = count(ordered, options)
  return judgedWith(ordered, options, { counted: CountedAnswers.of(counted), withheld })
}

/**
 * The same for `answers` when all but the last `added` of them were judged before, with the same options, at a time
 * since when none of the withheld ones became visible.
 */
export function judgeMore(
  before: JudgedAnswers,
  answers: readonly Answer[],
  added: number,
  options: JudgeOptions,
): JudgedAnswers {
  const { counted, withheld } = count(answers.slice(answers.length - added), options, before.withheld)
  return judgedWith(answers, options, { counted: before.counted.and(counted), withheld })
}

interface Counts {
  readonly counted: CountedAnswer[]
  readonly withheld: Map<Uuid, Instant>
}

function count(answers: readonly Answer[], options: JudgeOptions, before?: ReadonlyMap<Uuid, Instant>): Counts {
  const counted: CountedAnswer[] = []
  const withheld = new Map(before)
  for (const answer of answers) {
    const { group, verdict, visibleAt } = judge(answer, options)
    if (group === undefined) continue
    if (verdict === 'counted') counted.push({ group, isCorrect: answer.isCorrect, answer })
    if (visibleAt !== undefined) withheld.set(group, Math.min(withheld.get(group) ?? visibleAt, visibleAt))
  }
  return { counted, withheld }
}

function judgedWith(
  answers: readonly Answer[],
  options: JudgeOptions,
  { counted, withheld }: Pick<JudgedAnswers, 'counted' | 'withheld'>,
): JudgedAnswers {
  let judged: readonly JudgedAnswer[] | undefined
  return {
    counted,
    withheld,
    // Only explanations ask for the single verdicts, so they are made when one does.
    get judged() {
      judged ??= answers.map((answer): JudgedAnswer => {
        const one = judge(answer, options)
        const isBeaten = one.verdict === 'counted' && one.group !== undefined && counted.get(one.group) !== answer
        return isBeaten ? { ...one, verdict: 'superseded' } : one
      })
      return judged
    },
  }
}

/** Until when the answers to an assignment stay hidden from the student; undefined when they are visible. */
function withheldUntil(
  assignment: Pick<Assignment, 'feedbackAt' | 'dueAt'>,
  options: Pick<JudgeOptions, 'now' | 'withholdUntilDue'>,
): Instant | undefined {
  const until = assignment.feedbackAt ?? (options.withholdUntilDue ? assignment.dueAt : undefined)
  return until !== undefined && until > options.now ? until : undefined
}

/** The trials of a student's assignments. A trial listed by two assignments belongs to the one updated last. */
export function assignmentsByTrial(assignments: readonly Assignment[]): Map<Uuid, Assignment> {
  const byTrial = new Map<Uuid, Assignment>()
  for (const assignment of assignments) {
    for (const { trial } of assignment.exercises) {
      const known = byTrial.get(trial)
      if (known === undefined || known.lastNumber < assignment.lastNumber) byTrial.set(trial, assignment)
    }
  }
  return byTrial
}

/** By number, each number once; learning hands answers over in this order, so the sort is normally skipped. */
function inOrder(answers: readonly Answer[]): readonly Answer[] {
  const isOrdered = answers.every((answer, at) => at === 0 || (answers[at - 1]?.number ?? 0) < answer.number)
  if (isOrdered) return answers
  const byNumber = new Map(answers.map((answer) => [answer.number, answer]))
  return [...byNumber.values()].sort((a, b) => a.number - b.number)
}

function judge(answer: Answer, options: JudgeOptions): JudgedAnswer {
  const group = options.groupOf(answer.exercise)
  const assignment = options.assignmentOfTrial.get(answer.trial)
  const judged = (verdict: Verdict, visibleAt?: Instant): JudgedAnswer => ({ answer, group, verdict, visibleAt })
  if (group === undefined) return judged('exercise_unknown')
  if (assignment === undefined) return judged('trial_unknown')
  if (courseExclusion(options.exclusions, answer.exercise, group)) return judged('excluded')
  const visibleAt = options.audience === 'student' ? withheldUntil(assignment, options) : undefined
  return visibleAt === undefined ? judged('counted') : judged('withheld', visibleAt)
}
