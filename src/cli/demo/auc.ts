/**
 * Area under the ROC curve: the probability that a right answer had been given a higher score than a wrong one, ties
 * counting half (Hanley & McNeil, Radiology 143, 1982), from the rank sum of Mann and Whitney with mid-ranks. Pure.
 */
export interface Scored {
  readonly score: number
  readonly isCorrect: boolean
}

/** Undefined when there is nothing to tell apart: no right answers, or no wrong ones. */
export function areaUnderCurve(items: readonly Scored[]): number | undefined {
  const sorted = [...items].sort((one, other) => one.score - other.score)
  const rightCount = sorted.filter((item) => item.isCorrect).length
  const wrongCount = sorted.length - rightCount
  if (rightCount === 0 || wrongCount === 0) return undefined
  let rankSum = 0
  for (let start = 0; start < sorted.length; ) {
    let end = start
    let rightInTie = 0
    while (end < sorted.length && sorted[end]!.score === sorted[start]!.score) {
      if (sorted[end]!.isCorrect) rightInTie += 1
      end += 1
    }
    // Ranks start + 1 … end share their mean.
    rankSum += (rightInTie * (start + 1 + end)) / 2
    start = end
  }
  return (rankSum - (rightCount * (rightCount + 1)) / 2) / (rightCount * wrongCount)
}
