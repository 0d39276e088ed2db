import type { StudentPicks } from '#client/wire-reads.ts'
import type { ChapterClue, OpenAssignmentPicks } from './reading.ts'
import { countAnswers, type Study } from './study.ts'

/** The outcome of a run, as data (`--json`) and as text. Pure. */
export type Evaluation =
  | {
      readonly kind: 'done'
      readonly answers: number
      readonly clueAuc: number
      readonly pageMeanAuc: number
      readonly cluesAsked: number
      readonly cluesReady: number
      readonly matrix: string
      /** False: the time to learn ran out while a fit was still due or running. */
      readonly isSettled: boolean
      readonly waitedMs: number
    }
  | { readonly kind: 'impossible'; readonly reason: string }
  | { readonly kind: 'skipped'; readonly reason: string }

export interface DemoReport {
  readonly study: string
  readonly ecosystem: string
  readonly courses: number
  readonly students: number
  readonly exercises: number
  readonly answers: number
  readonly sendingMs: number
  readonly answersPerSecond: number
  readonly evaluation: Evaluation
  readonly classClues: readonly ClassClue[]
  readonly openAssignments: number
  readonly withheldAnswers: number
  readonly pes: PickCount
  readonly spes: PickCount
  readonly worstAreas: PickCount
}

export interface ClassClue {
  readonly period: number
  readonly chapter: string
  readonly status: string
  readonly minimum: number
  readonly mostLikely: number
  readonly maximum: number
}

export interface PickCount {
  readonly asked: number
  readonly ready: number
  readonly exercises: number
}

export interface Findings {
  readonly study: Study
  readonly ecosystem: string
  readonly courses: number
  readonly sendingMs: number
  readonly evaluation: Evaluation
  readonly classClues: readonly ChapterClue[]
  readonly picks: OpenAssignmentPicks
  readonly worstAreas: readonly StudentPicks[]
}

export function summarise(findings: Findings): DemoReport {
  const { study, picks } = findings
  const answers = countAnswers(study)
  return {
    study: study.name,
    ecosystem: findings.ecosystem,
    courses: findings.courses,
    students: study.learners.length,
    exercises: study.questions.length,
    answers,
    sendingMs: findings.sendingMs,
    answersPerSecond: Math.round((answers * 1000) / Math.max(1, findings.sendingMs)),
    evaluation: findings.evaluation,
    classClues: findings.classClues.map(({ period, chapter, reply }) => ({
      period,
      chapter,
      status: reply.clue_status,
      minimum: reply.clue_data.minimum,
      mostLikely: reply.clue_data.most_likely,
      maximum: reply.clue_data.maximum,
    })),
    openAssignments: picks.openAssignments,
    withheldAnswers: picks.withheldAnswers,
    pes: countPicks(picks.pes, (line) => line.source === 'biglearn'),
    spes: countPicks(picks.spes, (line) => line.source === 'biglearn'),
    worstAreas: countPicks(findings.worstAreas, (line) => line.student_status === 'student_ready'),
  }
}

function countPicks<Line extends { readonly exercise_uuids: readonly string[] }>(
  lines: readonly Line[],
  isReady: (line: Line) => boolean,
): PickCount {
  return {
    asked: lines.length,
    ready: lines.filter(isReady).length,
    exercises: lines.reduce((sum, line) => sum + line.exercise_uuids.length, 0),
  }
}

export function countOf(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`
}

export function renderReport(report: DemoReport): string {
  const lines = [
    `${report.study}: ${report.answers} answers of ${report.students} students in ${countOf(report.courses, 'course')}`,
    `sent in ${(report.sendingMs / 1000).toFixed(1)} s (${report.answersPerSecond} answers/s)`,
    '',
    ...renderEvaluation(report.evaluation),
    '',
    'How well the classes of the first course understand each chapter (CLUE, most likely in its interval):',
    ...renderClues(report.classClues),
    '',
    `${report.openAssignments} assignments are still open; their ${report.withheldAnswers} answers are withheld from the`,
    "students' own CLUEs until feedback.",
    `personalised exercises: ${renderPicks(report.pes)}`,
    `spaced exercises:       ${renderPicks(report.spes)}`,
    `worst areas:            ${renderPicks(report.worstAreas)}`,
  ]
  return `${lines.join('\n')}\n`
}

function renderEvaluation(evaluation: Evaluation): string[] {
  if (evaluation.kind === 'skipped') return [`Prediction skipped: ${evaluation.reason}.`]
  if (evaluation.kind === 'impossible') return [`Prediction impossible: ${evaluation.reason}.`]
  const { clueAuc, pageMeanAuc } = evaluation
  const verdict = clueAuc > pageMeanAuc ? 'better than' : 'NOT better than'
  const settled = evaluation.isSettled ? '' : ' (a fit was still due or running when the waiting time was over)'
  return [
    `Predicting the last fifth of each student's answers, n = ${evaluation.answers}:`,
    `  AUC of CLUEs       ${clueAuc.toFixed(4)}  (${evaluation.cluesReady} of ${evaluation.cluesAsked} CLUEs ready)`,
    `  AUC of page means  ${pageMeanAuc.toFixed(4)}  (other students only)`,
    `  CLUEs are ${verdict} page means${settled}.`,
  ]
}

/** A class of many periods would fill the screen; the whole list is in the JSON. */
const cluesShownMax = 12

function renderClues(clues: readonly ClassClue[]): string[] {
  const hidden = clues.length - cluesShownMax
  const shown = clues.slice(0, cluesShownMax).map(renderClue)
  return hidden > 0 ? [...shown, `  … and ${hidden} more (--json shows all)`] : shown
}

function renderClue(clue: ClassClue): string {
  const interval = `${clue.minimum.toFixed(2)} … ${clue.maximum.toFixed(2)}`
  return `  period ${clue.period}, ${clue.chapter}: ${clue.mostLikely.toFixed(2)} in ${interval} (${clue.status})`
}

function renderPicks(count: PickCount): string {
  return `${count.ready} of ${count.asked} ready, ${count.exercises} exercises`
}
