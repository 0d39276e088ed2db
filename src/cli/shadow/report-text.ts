import { type Cell, tableText } from '../streams/table.ts'
import type { Compared, Pair } from './replay.ts'
import { type ClueRow, isOfClues, type PicksRow, type ShadowReport } from './report.ts'

/* What `biglearn shadow` prints: tables for people, lines of JSON for programs. Pure. */
export function reportText({ clues, picks }: ShadowReport, labels: Pair<string>): string {
  const tables = [
    ...clues.map((row) => `${row.kind}, at ${row.positions} answers\n${clueTable(row, labels)}`),
    ...picks.map((row) => `${row.kind}, at ${row.positions} positions\n${picksTable(row, labels)}`),
  ]
  return tables.length === 0 ? 'nothing to compare in these courses and this period\n' : tables.join('\n')
}

function clueTable(row: ClueRow, labels: Pair<string>): string {
  const { difference, correlation, right } = row
  const lines = labels.map((label, side): Cell[] => [
    label,
    ...[row.estimated, row.width, row.auc, row.logLoss].map((pair) => digits(pair[side])),
  ])
  const between = [difference.mean, difference.median, difference.p90, difference.most, correlation].map(digits)
  return [
    tableText(['', 'estimated', 'width', 'AUC', 'log-loss'], lines),
    tableText(['|difference| mean', 'median', '90 %', 'most', 'correlation'], [between]),
    `${digits(right)} of the answers that followed were right\n`,
  ].join('')
}

function picksTable(row: PicksRow, labels: Pair<string>): string {
  const lines = labels.map((label, side): Cell[] => [
    label,
    ...[row.ready, row.given, row.unfilled].map((pair) => digits(pair[side])),
  ])
  return [
    tableText(['', 'ready', 'given', 'unfilled'], lines),
    tableText(
      ['overlap', 'same exercises', 'same order'],
      [[row.overlap, row.sameExercises, row.sameOrder].map(digits)],
    ),
  ].join('')
}

function digits(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '-' : value.toFixed(4)
}

/** One line for each row of the report; what can not be measured is `null`. */
export function reportLines({ clues, picks }: ShadowReport, [algorithm, against]: Pair<string>): string {
  return [...clues, ...picks].map((row) => `${JSON.stringify({ algorithm, against, ...row })}\n`).join('')
}

/** One line for each position and kind, with what both would have answered. */
export function sampleLine(compared: Compared): string {
  const { course, position, at, student } = compared.position
  const head = {
    ...{ kind: compared.kind, course_uuid: course, sequence_number: position },
    ...{ at: new Date(at).toISOString(), student_uuid: student },
  }
  return `${JSON.stringify({ ...head, ...subjectOf(compared), answers: answersOf(compared) })}\n`
}

function subjectOf(compared: Compared): object {
  if (isOfClues(compared)) {
    const { exercise, isCorrect } = compared.position
    return { book_container_uuid: compared.bookContainer, exercise_uuid: exercise, is_correct: isCorrect }
  }
  return compared.position.kind === 'assignment' ? { assignment_uuid: compared.position.assignment } : {}
}

function answersOf(compared: Compared): object[] {
  if (isOfClues(compared)) {
    return compared.answers.map(({ status, clue: { minimum, mostLikely, maximum, isReal } }) => {
      return { status, minimum, most_likely: mostLikely, maximum, is_real: isReal }
    })
  }
  return compared.answers.map(({ status, exercises, explanation }) => {
    return { status, exercise_uuids: exercises, goal: explanation?.goal ?? null }
  })
}
