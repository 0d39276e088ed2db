import type { Uuid } from '#domain/ids.ts'
import type { WaitingSubjects } from '#due/waiting-subjects.ts'
import type { Answers } from './answers.ts'

/** Subjects whose announcement waits behind a gap are known, though nothing can be said about them yet: unready. */
export function withWaiting(computed: Answers, waiting: WaitingSubjects): Answers {
  return {
    studentClues: async (lines, view) =>
      amend(
        await computed.studentClues(lines, view),
        { unknown: 'subject_unknown', waiting },
        (index) => lines[index]?.student,
      ),
    teacherClues: async (lines, view) =>
      amend(
        await computed.teacherClues(lines, view),
        { unknown: 'subject_unknown', waiting },
        (index) => lines[index]?.courseContainer,
      ),
    assignmentPes: async (lines, view) =>
      amend(
        await computed.assignmentPes(lines, view),
        { unknown: 'unknown', waiting },
        (index) => lines[index]?.assignment,
      ),
    assignmentSpes: async (lines, view) =>
      amend(
        await computed.assignmentSpes(lines, view),
        { unknown: 'unknown', waiting },
        (index) => lines[index]?.assignment,
      ),
    worstAreas: async (lines, view) =>
      amend(await computed.worstAreas(lines, view), { unknown: 'unknown', waiting }, (index) => lines[index]?.student),
  }
}

interface Amendment {
  readonly unknown: string
  readonly waiting: WaitingSubjects
}

async function amend<Answer extends { readonly status: string }>(
  answers: readonly Answer[],
  { unknown, waiting }: Amendment,
  subjectOf: (index: number) => Uuid | undefined,
): Promise<Answer[]> {
  const asked = answers.flatMap(({ status }, index) => (status === unknown ? (subjectOf(index) ?? []) : []))
  if (asked.length === 0) return [...answers]
  const found = await waiting.read([...new Set(asked)])
  return answers.map((answer, index) => {
    const subject = subjectOf(index)
    const isWaiting = answer.status === unknown && subject !== undefined && found.has(subject)
    return isWaiting ? { ...answer, status: 'unready' } : answer
  })
}
