import type { ClueKind, ClueResult, PickKey, PickKind, PickResult, Results } from '#due/results.ts'
import type { Answers, AssignmentPickLine, ClueAnswer, PickAnswer } from './answers.ts'

/*
 * Answers with what remote algorithms uploaded put before what is computed: an uploaded row always wins for its subject
 * and algorithm, even when the subject is unknown here (design D19, api.md §6.16–6.25).
 */
export function withUploaded(computed: Answers, results: Results): Answers {
  return {
    studentClues: (lines, view) => {
      const compute = (rest: typeof lines) => computed.studentClues(rest, view)
      return view?.asOf === undefined
        ? clues(results, 'student', lines, (line) => line.student, compute)
        : compute(lines)
    },
    teacherClues: (lines, view) => {
      const compute = (rest: typeof lines) => computed.teacherClues(rest, view)
      if (view?.asOf !== undefined) return compute(lines)
      return clues(results, 'teacher', lines, (line) => line.courseContainer, compute)
    },
    assignmentPes: (lines, view) => {
      const compute = (rest: typeof lines) => computed.assignmentPes(rest, view)
      return view?.asOf === undefined ? picks(results, 'pe', lines, assignmentOf, compute) : compute(lines)
    },
    assignmentSpes: (lines, view) => {
      const compute = (rest: typeof lines) => computed.assignmentSpes(rest, view)
      return view?.asOf === undefined ? picks(results, 'spe', lines, assignmentOf, compute) : compute(lines)
    },
    worstAreas: (lines, view) => {
      const compute = (rest: typeof lines) => computed.worstAreas(rest, view)
      if (view?.asOf !== undefined) return compute(lines)
      return picks(results, 'worst_areas', lines, (line) => line.student, compute)
    },
  }
}

type Subject = PickKey['subject']
const assignmentOf = (line: AssignmentPickLine): Subject => line.assignment

/** Longer names can not have been uploaded, nor ones with a NUL, which the database does not take as text. */
const algorithmLengthMax = 200
export function isStorable(algorithm: string | undefined): algorithm is string {
  return algorithm !== undefined && algorithm.length <= algorithmLengthMax && !algorithm.includes('\0')
}

async function clues<Line extends { algorithm: string | undefined; bookContainer: Subject }>(
  results: Results,
  kind: ClueKind,
  lines: readonly Line[],
  subjectOf: (line: Line) => Subject,
  compute: (lines: readonly Line[]) => Promise<ClueAnswer[]>,
): Promise<ClueAnswer[]> {
  const uploaded = await uploadedOf(lines, (asked) =>
    results.readClues(
      kind,
      asked.map((line) => ({ ...line, subject: subjectOf(line) })),
    ),
  )
  return merge(lines, uploaded, clueAnswer, compute)
}

async function picks<Line extends { algorithm: string | undefined; exercisesMax: number | undefined }>(
  results: Results,
  kind: PickKind,
  lines: readonly Line[],
  subjectOf: (line: Line) => Subject,
  compute: (lines: readonly Line[]) => Promise<PickAnswer[]>,
): Promise<PickAnswer[]> {
  const uploaded = await uploadedOf(lines, (asked) =>
    results.readPicks(
      kind,
      asked.map((line) => ({ algorithm: line.algorithm, subject: subjectOf(line) })),
    ),
  )
  return merge(lines, uploaded, pickAnswer, compute)
}

/** One row or `undefined` per line; lines whose algorithm can not have rows are not looked up. */
async function uploadedOf<Line extends { algorithm: string | undefined }, Row>(
  lines: readonly Line[],
  read: (lines: readonly (Line & { algorithm: string })[]) => Promise<readonly (Row | undefined)[]>,
): Promise<(Row | undefined)[]> {
  const asked = lines.flatMap((line, index) => {
    return isStorable(line.algorithm) ? [{ index, line: { ...line, algorithm: line.algorithm } }] : []
  })
  const rows: (Row | undefined)[] = lines.map(() => undefined)
  const found = asked.length === 0 ? [] : await read(asked.map(({ line }) => line))
  asked.forEach(({ index }, position) => {
    rows[index] = found[position]
  })
  return rows
}

/** The answers in order: of the rows found, and of what is computed for the other lines. */
export async function merge<Line, Row, Answer>(
  lines: readonly Line[],
  uploaded: readonly (Row | undefined)[],
  answerOf: (row: Row, line: Line) => Answer,
  compute: (lines: readonly Line[]) => Promise<Answer[]>,
): Promise<Answer[]> {
  const remaining = lines.filter((_, index) => uploaded[index] === undefined)
  const computed = remaining.length === 0 ? [] : await compute(remaining)
  let next = 0
  return lines.flatMap((line, index) => {
    const row = uploaded[index]
    const answer = row === undefined ? computed[next++] : answerOf(row, line)
    return answer === undefined ? [] : [answer]
  })
}

function clueAnswer({ calculation, clue, ecosystem }: ClueResult): ClueAnswer {
  return { status: 'ready', calculation, clue, ecosystem }
}

function pickAnswer(row: PickResult, line: { exercisesMax: number | undefined }): PickAnswer {
  const { calculation, matrix, spyInfo } = row
  const exercises = [...new Set(row.exercises)].slice(0, line.exercisesMax)
  return { status: 'ready', calculation, matrix, exercises, spyInfo }
}
