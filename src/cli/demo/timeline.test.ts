import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answeredAt, planAssignments, termEnding, trainingCount } from './term.ts'
import { nowMs, smallStudy, smallWorld, timelinesOf } from './test-study.ts'
import type { Batch } from './timeline.ts'

const world = smallWorld()
const timelines = timelinesOf(world)
const eventsOf = (batches: Iterable<Batch>) =>
  [...batches].flatMap(({ assignments, responses }) => [...assignments, ...responses])
const everything = timelines.map((timeline) => ({
  timeline,
  training: eventsOf(timeline.training()),
  heldOut: eventsOf(timeline.heldOut()),
  responses: [...timeline.training(), ...timeline.heldOut()].flatMap((batch) => batch.responses),
  assignments: [...timeline.training(), ...timeline.heldOut()].flatMap((batch) => batch.assignments),
}))

test('numbers follow each other without a gap, the held-out events last', () => {
  for (const { timeline, training, heldOut } of everything) {
    const numbers = [...training, ...heldOut].map((event) => event.sequence_number)
    assert.deepEqual(
      numbers,
      Array.from({ length: timeline.end - 5 }, (_, index) => 5 + index),
    )
    assert.equal(heldOut[0]!.sequence_number, timeline.heldOutFrom)
  }
})

test('every answer is sent once, as given, in time order within its part, and none in the future', () => {
  for (const { timeline, responses } of everything) {
    for (const student of timeline.course.students) {
      const { answers } = smallStudy.learners[student.learner]!
      const own = responses.filter((response) => response.student_uuid === student.uuid)
      assert.deepEqual(
        own.map((response) => [response.exercise_uuid, response.is_correct]),
        answers.map((answer) => [world.book.exercises[answer.question], answer.isCorrect]),
      )
    }
    for (const part of [timeline.training(), timeline.heldOut()]) {
      const times = [...part].flatMap((batch) => batch.responses.map((response) => response.responded_at))
      assert.deepEqual(times, [...times].sort())
    }
    assert.ok(responses.every((response) => Date.parse(response.responded_at) < nowMs))
  }
  const uuids = everything.flatMap(({ responses }) => responses.map((response) => response.response_uuid))
  assert.equal(new Set(uuids).size, uuids.length)
})

test('every answer belongs to a trial of an assignment announced before it, open at that time', () => {
  for (const { responses, assignments } of everything) {
    const trials = new Map(
      assignments.flatMap((update) => update.assigned_exercises.map((item) => [item.trial_uuid, { update, item }])),
    )
    assert.equal(trials.size, responses.length)
    for (const response of responses) {
      const { update, item } = trials.get(response.trial_uuid)!
      assert.ok(update.sequence_number < response.sequence_number)
      assert.equal(item.exercise_uuid, response.exercise_uuid)
      assert.equal(update.student_uuid, response.student_uuid)
      assert.ok(update.exclusion_info!.opens_at! < response.responded_at)
      assert.ok(response.responded_at < update.exclusion_info!.due_at!)
    }
  }
})

test('assignments name the pages of their exercises, and no more exercises than allowed', () => {
  for (const { assignments } of everything) {
    for (const update of assignments) {
      assert.ok(update.assigned_exercises.length <= 5)
      const pages = update.assigned_exercises.flatMap(
        (item) => smallStudy.questions[world.book.exercises.indexOf(item.exercise_uuid)]!.pages,
      )
      assert.deepEqual(
        new Set(update.assigned_book_container_uuids),
        new Set(pages.map((page) => world.book.pages[page]!)),
      )
    }
  }
})

test('one learner in twenty has a last assignment that is still open, the others are over', () => {
  const open = everything.flatMap(({ assignments }) =>
    assignments.filter((update) => Date.parse(update.exclusion_info!.feedback_at!) > nowMs),
  )
  assert.equal(open.length, 2)
  for (const update of open) {
    assert.equal(update.goal_num_tutor_assigned_pes, 3)
    assert.equal(update.pes_are_assigned, false)
    assert.ok(Date.parse(update.exclusion_info!.due_at!) > nowMs)
    assert.ok(Date.parse(update.exclusion_info!.opens_at!) < nowMs)
  }
})

test('no assignment reaches across the border of the held-out answers', () => {
  const plan = planAssignments({ term: termEnding(nowMs), answerCount: 23, exercisesMax: 6, staysOpen: false })
  assert.deepEqual(
    plan.map(({ from, to }) => [from, to]),
    [
      [0, 6],
      [6, 12],
      [12, 18],
      [18, 19],
      [19, 23],
    ],
  )
  assert.equal(trainingCount(23), 19)
  assert.deepEqual([0, 1, 4, 5].map(trainingCount), [0, 1, 4, 4])
})

test('times of many answers stay within the term and in order', () => {
  const term = termEnding(nowMs)
  const times = Array.from({ length: 5000 }, (_, index) => answeredAt(term, index, 5000))
  assert.ok(times.every((time, index) => index === 0 || time > times[index - 1]!))
  assert.ok(times[0]! > term.startsAtMs)
  assert.ok(times.at(-1)! < term.endsAtMs)
})
