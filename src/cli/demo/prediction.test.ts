import assert from 'node:assert/strict'
import { test } from 'node:test'
import { heldOutAnswers, pageMeanScorer, pagesAhead, scoreHeldOut } from './prediction.ts'
import type { Learner, Study } from './study.ts'

/** Five answers each: four to learn from, the last one held out. Question 2 is on both pages. */
const learner = (label: number, questions: readonly number[], verdicts: string): Learner => ({
  label,
  answers: questions.map((question, index) => ({ question, isCorrect: verdicts[index] === '1' })),
})
const study: Study = {
  name: 'three',
  fingerprint: 'three',
  questions: [
    { label: 0, pages: [0] },
    { label: 1, pages: [1] },
    { label: 2, pages: [0, 1] },
  ],
  pageCount: 2,
  learners: [
    learner(0, [0, 0, 1, 1, 2], '11001'),
    learner(1, [0, 0, 0, 1, 0], '10010'),
    learner(2, [2, 1, 1, 1, 1], '11101'),
  ],
  shape: { pagesPerChapter: 1, studentsPerCourse: 9, studentsPerPeriod: 9, exercisesPerAssignment: 9 },
}

test('the last fifth is held out', () => {
  assert.deepEqual(
    study.learners.map((entry) => heldOutAnswers(entry).length),
    [1, 1, 1],
  )
  assert.deepEqual(
    [0, 1, 2].map((index) => pagesAhead(study, index)),
    [[0, 1], [0], [1]],
  )
})

test('page means leave the learner itself and all held-out answers out', () => {
  const score = pageMeanScorer(study)
  // Page 0, others of learner 0: learner 1 has 1 of 3, learner 2 has 1 of 1.
  assert.equal(score(0, 0), 2 / 4)
  // Page 1, others of learner 0: learner 1 has 1 of 1, learner 2 has 3 of 4.
  assert.equal(score(0, 1), 4 / 5)
  assert.equal(score(1, 0), 3 / 3)
  assert.equal(score(2, 1), 1 / 3)
})

test('a page that nobody else has answered says nothing', () => {
  const alone = { ...study, learners: [study.learners[0]!] }
  assert.equal(pageMeanScorer(alone)(0, 0), 0.5)
})

test('a question is scored by the mean over its pages', () => {
  const scored = scoreHeldOut(study, (index, page) => index + page)
  assert.deepEqual(scored, [
    { score: 0.5, isCorrect: true },
    { score: 1, isCorrect: false },
    { score: 3, isCorrect: true },
  ])
})
