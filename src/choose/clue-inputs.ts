import type { Uuid } from '#domain/ids.ts'
import type { Exclusions, Instant } from '#domain/student.ts'
import { type CluePools, type CountingPool, countingPool } from './clue-pools.ts'
import type { JudgedAnswer, JudgedAnswers } from './visible-answers.ts'

/** What one learner's answers say about exercise groups; the shape that `Algorithm.know` takes. */
export interface LearnerInputs {
  readonly student: Uuid
  readonly answers: readonly { readonly group: Uuid; readonly isCorrect: boolean }[]
}

/** Everything the CLUE of one container and one subject (a student, or a course container's students) rests on. */
export interface ClueInputs {
  readonly container: Uuid
  /** Exercise groups whose right answers the CLUE estimates; empty means that the container has no CLUE. */
  readonly pool: readonly Uuid[]
  /** Per learner all counted answers, whatever the container: they say what the learner knows (design D21). */
  readonly learners: readonly LearnerInputs[]
  /** Is there a counted answer to a group of the pool? Else the CLUE says nothing of this subject's work in it. */
  readonly isCounted: boolean
  /** Design D20: is there any answer to a group of the pool, counted or withheld? */
  readonly isReady: boolean
  /** When a withheld answer to a group of the pool next becomes visible and the CLUE changes by itself. */
  readonly nextVisibleAt: Instant | undefined
}

export interface Learner {
  readonly student: Uuid
  readonly judged: JudgedAnswers
  readonly inputs: LearnerInputs
}

/** Prepared once per learner and request, and used for all containers asked. */
export function learnerOf(student: Uuid, judged: JudgedAnswers): Learner {
  return { student, judged, inputs: { student, answers: judged.counted.list } }
}

export interface ClueQuestion {
  readonly pools: CluePools
  readonly container: Uuid
  readonly exclusions: Exclusions
  /** One learner judged for the audience `student`, or a course container's members judged for `teacher`. */
  readonly learners: readonly Learner[]
}

export function clueInputs(question: ClueQuestion): ClueInputs {
  const pool = countingPool(question.pools, question.container, question.exclusions)
  const learners = bySmallestUuid(question.learners)
  let nextVisibleAt: Instant | undefined
  for (const { judged } of learners) {
    for (const [group, visibleAt] of judged.withheld) {
      if (pool.members.has(group)) nextVisibleAt = Math.min(nextVisibleAt ?? visibleAt, visibleAt)
    }
  }
  const isCounted = learners.some((learner) => hasCounted(learner, pool))
  return {
    container: question.container,
    pool: pool.groups,
    learners: learners.map(({ inputs }) => inputs),
    isCounted,
    isReady: nextVisibleAt !== undefined || isCounted,
    nextVisibleAt,
  }
}

/** Walks the smaller side: a page has fewer exercises than a student has answers, a book has many more. */
function hasCounted({ judged }: Learner, { groups, members }: CountingPool): boolean {
  const { counted } = judged
  if (groups.length < counted.size) return groups.some((group) => counted.has(group))
  return counted.list.some(({ group }) => members.has(group))
}

/** For a receipt: the answers to the pool's groups, and what became of each. */
export function judgedForPool(learner: Learner, pool: readonly Uuid[]): JudgedAnswer[] {
  const inPool = new Set(pool)
  return learner.judged.judged.filter(({ group }) => group !== undefined && inPool.has(group))
}

function bySmallestUuid(learners: readonly Learner[]): readonly Learner[] {
  const isAscending = learners.every((learner, at) => at === 0 || (learners[at - 1]?.student ?? '') < learner.student)
  if (isAscending) return learners
  const distinct = new Map(learners.map((learner) => [learner.student, learner]))
  return [...distinct.values()].sort((a, b) => (a.student < b.student ? -1 : 1))
}
