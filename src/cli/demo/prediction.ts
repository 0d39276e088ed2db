import type { Scored } from './auc.ts'
import type { Learner, Study, StudyAnswer } from './study.ts'
import { trainingCount } from './term.ts'

/**
 * Predicting the held-out answers: by the server's CLUEs, and, as a yardstick, by each page's plain share of right
 * answers among the other learners. Both score a question with the mean over its pages, and see the same answers: those
 * before the held-out ones. Pure.
 */
export type Scorer = (learner: number, page: number) => number

export function heldOutAnswers(learner: Learner): readonly StudyAnswer[] {
  return learner.answers.slice(trainingCount(learner.answers.length))
}

/** Pages of the questions that a learner is about to meet. */
export function pagesAhead(study: Study, learner: number): number[] {
  const answers = heldOutAnswers(study.learners[learner]!)
  return [...new Set(answers.flatMap((answer) => study.questions[answer.question]!.pages))]
}

export function scoreHeldOut(study: Study, score: Scorer): Scored[] {
  return study.learners.flatMap((learner, index) =>
    heldOutAnswers(learner).map((answer) => {
      const { pages } = study.questions[answer.question]!
      const sum = pages.reduce((total, page) => total + score(index, page), 0)
      return { score: sum / pages.length, isCorrect: answer.isCorrect }
    }),
  )
}

interface Tally {
  right: number
  count: number
}

/** Leave-one-learner-out: a learner's own answers do not touch the mean that is held against it. */
export function pageMeanScorer(study: Study): Scorer {
  const ofLearner = study.learners.map((learner) => tally(study, learner))
  const ofPage = Array.from({ length: study.pageCount }, (): Tally => ({ right: 0, count: 0 }))
  for (const tallies of ofLearner) {
    for (const [page, { right, count }] of tallies) {
      ofPage[page]!.right += right
      ofPage[page]!.count += count
    }
  }
  return (learner, page) => {
    const own = ofLearner[learner]!.get(page) ?? { right: 0, count: 0 }
    const others = ofPage[page]!.count - own.count
    return others === 0 ? 0.5 : (ofPage[page]!.right - own.right) / others
  }
}

function tally(study: Study, learner: Learner): Map<number, Tally> {
  const tallies = new Map<number, Tally>()
  for (const answer of learner.answers.slice(0, trainingCount(learner.answers.length))) {
    for (const page of study.questions[answer.question]!.pages) {
      const entry = tallies.get(page) ?? { right: 0, count: 0 }
      entry.right += answer.isCorrect ? 1 : 0
      entry.count += 1
      tallies.set(page, entry)
    }
  }
  return tallies
}
