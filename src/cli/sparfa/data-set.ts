import { type AnswerRow, type DataSet, fitInputOf, makeDataSet } from '#estimate/sparfa/evaluate.ts'
import type { FitInput } from '#estimate/sparfa/input.ts'
import { numberedId } from '#estimate/sparfa/numbered-id.ts'
import { type AnswersFileStudy, readAnswersFile } from '../demo/answers-file.ts'

/**
 * A file of answers as the numerics want it. Learners, questions and concepts are numbered by the rank of their number
 * in the file, so the order of its rows does not matter, and a file that counts from 0 without holes keeps its numbers:
 * the hash of sparfa.md §16 then picks the same rows as in any other language.
 */
export interface AnswersData {
  readonly name: string
  readonly data: DataSet
  /** Numbers in the file, ascending; the index is what `data` calls them. */
  readonly learnerLabels: readonly number[]
  readonly questionLabels: readonly number[]
  readonly conceptLabels: readonly number[]
}

export async function readAnswersData(path: string): Promise<AnswersData> {
  return toAnswersData(await readAnswersFile({ path, studentsMax: undefined }))
}

function toAnswersData(study: AnswersFileStudy): AnswersData {
  const learners = rank(study.learners.map(({ label }) => label))
  const questions = rank(study.questions.map(({ label }) => label))
  const concepts = rank(study.concepts)
  const conceptsOf = study.questions.map(({ pages }) => pages.map((page) => concepts.index[page]!))
  const rows = study.learners.flatMap(({ answers }, learner) =>
    answers.map(
      ({ question, isCorrect }, order): AnswerRow => ({
        learner: learners.index[learner]!,
        question: questions.index[question]!,
        concepts: conceptsOf[question]!,
        isCorrect,
        order,
      }),
    ),
  )
  return {
    name: study.name,
    data: makeDataSet(rows),
    learnerLabels: learners.labels,
    questionLabels: questions.labels,
    conceptLabels: concepts.labels,
  }
}

/** The whole file as a fit takes it; uuids end in the number of the file, in hexadecimal. */
export function wholeInput({ data, questionLabels, conceptLabels }: AnswersData): FitInput {
  return {
    ...fitInputOf(data),
    questionIds: questionLabels.map((label) => numberedId('question', label)),
    conceptIds: conceptLabels.map((label) => numberedId('concept', label)),
  }
}

/** Distinct labels in ascending order, and the rank of each given one. */
function rank(given: readonly number[]): { labels: number[]; index: Int32Array } {
  const labels = [...given].sort((one, other) => one - other)
  const rankOf = new Map(labels.map((label, index) => [label, index]))
  return { labels, index: Int32Array.from(given, (label) => rankOf.get(label)!) }
}
