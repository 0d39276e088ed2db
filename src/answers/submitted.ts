import type { Uuid } from '#domain/ids.ts'
import type { SubmittedClue, SubmittedClueKind } from '#due/submitted-clues.ts'
import type { ClueAnswer } from './answers.ts'
import type { AnswerPorts } from './open.ts'
import { isStorable, merge } from './uploaded.ts'

interface ClueLine {
  readonly bookContainer: Uuid
  readonly algorithm: string | undefined
}

/**
 * CLUEs that remote algorithms submitted, under their names. An algorithm that runs in this process answers itself, and
 * what is not there has the status that is computed.
 */
export function withSubmitted<Line extends ClueLine>(
  ports: Pick<AnswerPorts, 'submitted' | 'algorithms'>,
  kind: SubmittedClueKind,
  subjectOf: (line: Line) => Uuid,
  compute: (lines: readonly Line[]) => Promise<ClueAnswer[]>,
): (lines: readonly Line[]) => Promise<ClueAnswer[]> {
  return async (lines) => {
    const keys = lines.flatMap((line, index) => {
      const { algorithm, bookContainer } = line
      const isRemote = isStorable(algorithm) && !ports.algorithms.has(algorithm.toLowerCase())
      return isRemote ? [{ index, algorithm, bookContainer, subject: subjectOf(line) }] : []
    })
    const found = await ports.submitted.clues.read(kind, keys)
    const submitted: (SubmittedClue | undefined)[] = lines.map(() => undefined)
    keys.forEach(({ index }, place) => {
      submitted[index] = found[place]
    })
    return merge(lines, submitted, clueAnswer, compute)
  }
}

function clueAnswer({ result, clue, ecosystem }: SubmittedClue): ClueAnswer {
  return { status: 'ready', calculation: result, clue, ecosystem }
}
