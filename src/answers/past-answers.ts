import type { Answers } from './answers.ts'
import { studentClues, teacherClues } from './clue-answers.ts'
import type { AnswerPorts } from './open.ts'
import { assignmentPes, assignmentSpes, type PickPorts, worstAreasPicks } from './pick-answers.ts'

/** What the algorithms of a past would have answered: nothing uploaded, nothing recorded; exercises are explained. */
export function answersOfPast(past: AnswerPorts): Answers {
  const picks: PickPorts = { ...past, explains: true }
  return {
    studentClues: (lines) => studentClues(past, lines, false),
    teacherClues: (lines) => teacherClues(past, lines, false),
    assignmentPes: (lines) => assignmentPes(picks, lines),
    assignmentSpes: (lines) => assignmentSpes(picks, lines),
    worstAreas: (lines) => worstAreasPicks(picks, lines),
  }
}
