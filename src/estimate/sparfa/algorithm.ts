/**
 * SPARFA behind the port that every in-process algorithm implements: turns uuids into indices, and nothing else.
 */
import type { Uuid } from '#domain/ids.ts'
import { remembered } from '#domain/remembered.ts'
import type { Algorithm, LearnerAnswer } from '../algorithm.ts'
import { clueOf } from './clue.ts'
import { estimateLearner, type SparfaKnowledge } from './learner.ts'
import type { SparfaMatrix } from './matrix.ts'
import { rankQuestions } from './tesr.ts'

export const sparfa: Algorithm<SparfaMatrix, SparfaKnowledge> = {
  name: 'biglearn_sparfa',

  know(matrix, answers) {
    const latest = latestByQuestion(matrix, answers)
    const answered = Int32Array.from(latest.keys()).sort()
    const isCorrect = Uint8Array.from(answered, (question) => (latest.get(question) === true ? 1 : 0))
    return estimateLearner(matrix, answered, isCorrect)
  },

  clue(matrix, learners, pool, options) {
    return clueOf(matrix, [...new Set(learners)], poolQuestions(matrix, pool), options)
  },

  rank(matrix, learner, candidates) {
    const ranked = rankQuestions(matrix, learner, knownQuestions(matrix, candidates))
    return Array.from(ranked, (question) => matrix.questionIds[question]!)
  },
}

/** Unknown groups are dropped; should a group come twice, its last answer counts. */
function latestByQuestion(matrix: SparfaMatrix, answers: readonly LearnerAnswer[]): Map<number, boolean> {
  const latest = new Map<number, boolean>()
  for (const { group, isCorrect } of answers) {
    const question = matrix.questionIndex.get(group)
    if (question !== undefined) latest.set(question, isCorrect)
  }
  return latest
}

const keptQuestions = new WeakMap<SparfaMatrix, WeakMap<readonly Uuid[], Int32Array>>()

/** Pools are asked for again and again as the same list, whose questions are then found once. */
function poolQuestions(matrix: SparfaMatrix, pool: readonly Uuid[]): Int32Array {
  const ofMatrix = remembered(keptQuestions, matrix, () => new WeakMap<readonly Uuid[], Int32Array>())
  return remembered(ofMatrix, pool, () => knownQuestions(matrix, pool))
}

/** Question indices, ascending and without duplicates. */
function knownQuestions(matrix: SparfaMatrix, groups: readonly Uuid[]): Int32Array {
  const known = new Set<number>()
  for (const group of groups) {
    const question = matrix.questionIndex.get(group)
    if (question !== undefined) known.add(question)
  }
  return Int32Array.from(known).sort()
}
