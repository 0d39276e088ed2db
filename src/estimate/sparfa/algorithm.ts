/**
 * SPARFA behind the port that every in-process algorithm implements: turns uuids into indices, and nothing else.
 */
import type { Uuid } from '#domain/ids.ts'
import { remembered } from '#domain/remembered.ts'
import type { Algorithm, LearnerAnswer, RankCandidates } from '../algorithm.ts'
import { clueOf } from './clue.ts'
import { estimateLearner, type SparfaKnowledge } from './learner.ts'
import type { SparfaMatrix } from './matrix.ts'
import { probabilityOf } from './predict.ts'
import { rankQuestions } from './tesr.ts'

/** More exercises than any assignment or practice takes from one ranking. */
const greedyCount = 64

export const sparfa: Algorithm<SparfaMatrix, SparfaKnowledge> = {
  name: 'biglearn_sparfa',

  know(matrix, answers) {
    const { answered, isCorrect } = latestByQuestion(matrix, answers)
    return estimateLearner(matrix, answered, isCorrect)
  },

  clue(matrix, learners, pool, options) {
    return clueOf(matrix, [...new Set(learners)], poolQuestions(matrix, pool), options)
  },

  *rank(matrix, learner, candidates) {
    const questions = candidateQuestions(matrix, candidates)
    for (const question of rankQuestions(matrix, learner, questions, greedyCount)) yield matrix.questionIds[question]!
  },

  expected(matrix, learner, group) {
    const question = matrix.questionIndex.get(group)
    return question === undefined ? undefined : probabilityOf(matrix, learner, question)
  },
}

/** What an estimate is made from: question indices, ascending and without duplicates, and whether each was right. */
export interface LatestAnswers {
  readonly answered: Int32Array
  readonly isCorrect: Uint8Array
}

/** Sorted by question. Unknown groups are dropped; should a group come twice, its last answer counts. */
export function latestByQuestion(matrix: SparfaMatrix, answers: readonly LearnerAnswer[]): LatestAnswers {
  // Question and place in one number: sorting numbers is several times faster than sorting records.
  const keys = new Float64Array(answers.length)
  let known = 0
  for (let at = 0; at < answers.length; at++) {
    const question = matrix.questionIndex.get(answers[at]!.group)
    if (question === undefined) continue
    keys[known] = question * answers.length + at
    known += 1
  }
  const sorted = keys.subarray(0, known).sort()
  const answered = new Int32Array(known)
  const isCorrect = new Uint8Array(known)
  let count = 0
  for (const key of sorted) {
    const question = Math.floor(key / answers.length)
    if (count === 0 || answered[count - 1] !== question) count += 1
    answered[count - 1] = question
    isCorrect[count - 1] = answers[key - question * answers.length]!.isCorrect ? 1 : 0
  }
  return { answered: answered.subarray(0, count), isCorrect: isCorrect.subarray(0, count) }
}

const keptQuestions = new WeakMap<SparfaMatrix, WeakMap<readonly Uuid[], Int32Array>>()

/** Pools are asked for again and again as the same list, whose questions are then found once. */
function poolQuestions(matrix: SparfaMatrix, pool: readonly Uuid[]): Int32Array {
  const ofMatrix = remembered(keptQuestions, matrix, () => new WeakMap<readonly Uuid[], Int32Array>())
  return remembered(ofMatrix, pool, () => knownQuestions(matrix, pool))
}

function candidateQuestions(matrix: SparfaMatrix, { pools, withoutGroups }: RankCandidates): Int32Array {
  // Pools of different pages then follow each other in ascending order, as they do in the book.
  const lists = pools.map((pool) => poolQuestions(matrix, pool)).sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0))
  const questions = new Int32Array(lists.reduce((sum, { length }) => sum + length, 0))
  let count = 0
  for (const list of lists) {
    questions.set(list, count)
    count += list.length
  }
  if (withoutGroups.size === 0) return questions
  const without = new Set(knownQuestions(matrix, [...withoutGroups]))
  return questions.filter((question) => !without.has(question))
}

/** Question indices, ascending and without duplicates. */
function knownQuestions(matrix: SparfaMatrix, groups: readonly Uuid[]): Int32Array {
  const known = new Int32Array(groups.length)
  let count = 0
  for (const group of groups) {
    const question = matrix.questionIndex.get(group)
    if (question !== undefined) known[count++] = question
  }
  return known
    .subarray(0, count)
    .sort()
    .filter((question, at, all) => question !== all[at - 1])
}
