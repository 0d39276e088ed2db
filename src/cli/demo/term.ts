/**
 * The term ends today: answers are spread over fifteen weeks up to an hour ago. The last fifth of each learner's
 * answers is held out to be predicted first, so no assignment may reach across that border. Pure.
 */
export interface Term {
  readonly startsAtMs: number
  readonly endsAtMs: number
}

const heldOutShare = 0.2

const hourMs = 3_600_000
const dayMs = 24 * hourMs
const termMs = 15 * 7 * dayMs

export function termEnding(nowMs: number): Term {
  return { startsAtMs: nowMs - termMs, endsAtMs: nowMs }
}

/** Time of the answer at `index` of `count`. */
export function answeredAt(term: Term, index: number, count: number): number {
  const span = term.endsAtMs - hourMs - (term.startsAtMs + dayMs)
  return Math.round(term.startsAtMs + dayMs + (span * (index + 0.5)) / count)
}

/** How many of `count` answers come before the held-out ones. */
export function trainingCount(count: number): number {
  return count - Math.floor(count * heldOutShare)
}

/** Answers `from` … `to` - 1 of one learner, in one assignment. */
export interface PlannedAssignment {
  readonly index: number
  readonly type: 'reading' | 'homework'
  readonly from: number
  readonly to: number
  /** Still open at the end of the term: its answers are withheld from the student's own CLUEs. */
  readonly isOpen: boolean
  readonly opensAtMs: number
  readonly dueAtMs: number
  readonly feedbackAtMs: number
}

export interface AssignmentPlan {
  readonly term: Term
  readonly answerCount: number
  readonly exercisesMax: number
  readonly staysOpen: boolean
}

export function planAssignments(plan: AssignmentPlan): PlannedAssignment[] {
  const training = trainingCount(plan.answerCount)
  const ranges = [...cut(0, training, plan.exercisesMax), ...cut(training, plan.answerCount, plan.exercisesMax)]
  return ranges.map(([from, to], index) => {
    const isOpen = plan.staysOpen && to === plan.answerCount && from >= training
    const lastAnswerMs = answeredAt(plan.term, to - 1, plan.answerCount)
    const dueAtMs = isOpen
      ? plan.term.endsAtMs + 3 * dayMs
      : Math.min(lastAnswerMs + dayMs, plan.term.endsAtMs - hourMs / 2)
    return {
      index,
      type: index % 2 === 0 ? 'reading' : 'homework',
      from,
      to,
      isOpen,
      opensAtMs: answeredAt(plan.term, from, plan.answerCount) - hourMs,
      dueAtMs,
      feedbackAtMs: dueAtMs,
    }
  })
}

function cut(from: number, to: number, sizeMax: number): [number, number][] {
  const ranges: [number, number][] = []
  for (let start = from; start < to; start += sizeMax) ranges.push([start, Math.min(start + sizeMax, to)])
  return ranges
}

/** One learner in twenty has an assignment that is still open. */
export function hasOpenAssignment(learner: number): boolean {
  return learner % 20 === 0
}
