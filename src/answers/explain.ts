import { clueInputs, judgedForPool } from '#choose/clue-inputs.ts'
import { orphanedAnswers } from '#choose/clue-pools.ts'
import type { JudgedAnswer } from '#choose/visible-answers.ts'
import { type Clue, unknownClue } from '#domain/clue.ts'
import type { Uuid } from '#domain/ids.ts'
import { sparfa } from '#estimate/sparfa/algorithm.ts'
import { probabilityOf } from '#estimate/sparfa/predict.ts'
import { clueOptions } from './in-process.ts'
import type { AnswerPorts } from './open.ts'

/*
 * Why an estimate is what it is. Made from the same records, matrices and rules as the estimate itself, when somebody
 * looks, so that an explanation costs nothing before and cannot differ from what it explains.
 */
export interface Explanations {
  /** `undefined`: student or book container are unknown, or the book has not arrived. */
  explainClue(student: Uuid, bookContainer: Uuid): Promise<ClueExplanation | undefined>
  /** What the student's answers say about each of these exercises of one ecosystem. */
  explainExercises(student: Uuid, ecosystem: Uuid, exercises: readonly Uuid[]): Promise<Map<Uuid, ExerciseOutlook>>
}

export interface ClueExplanation {
  readonly clue: Clue
  readonly matrix: Uuid | undefined
  /** Exercise groups that the CLUE estimates. */
  readonly pool: readonly Uuid[]
  /** The student's answers to the container's groups, excluded ones too, in order of recording; what became of each. */
  readonly judged: readonly JudgedAnswer[]
  /** All counted answers of the student, whatever the container. */
  readonly countedAnswers: number
  /** Answers that count nowhere in this edition, because no map leads here from their container. */
  readonly orphanedAnswers: number
}

export interface ExerciseOutlook {
  readonly bookContainers: readonly Uuid[]
  /** Expected share of right answers; `undefined` where the matrix does not know the exercise group. */
  readonly expected: number | undefined
  readonly timesAnswered: number
}

export async function explainClue(
  ports: AnswerPorts,
  student: Uuid,
  bookContainer: Uuid,
): Promise<ClueExplanation | undefined> {
  const ecosystem = (await ports.editions.ecosystemsOfContainers([bookContainer])).get(bookContainer)
  const record = (await ports.records.load([student])).get(student)
  if (ecosystem === undefined || record === undefined) return undefined
  const [edition, matrix] = await Promise.all([ports.editions.edition(ecosystem), ports.matrices.current(ecosystem)])
  if (edition === undefined) return undefined
  if (matrix === undefined) {
    return { clue: unknownClue, matrix: undefined, pool: [], judged: [], countedAnswers: 0, orphanedAnswers: 0 }
  }
  const learner = ports.learners.of(record, edition, 'student', ports.clock.now())
  const knowledge = sparfa.know(matrix.matrix, learner.inputs.answers)
  const inputs = clueInputs({
    pools: edition.pools,
    container: bookContainer,
    exclusions: record.course.exclusions,
    learners: [learner],
  })
  return {
    clue: inputs.isReady ? sparfa.clue(matrix.matrix, [knowledge], inputs.pool, clueOptions) : unknownClue,
    matrix: matrix.uuid,
    pool: inputs.pool,
    judged: judgedForPool(
      learner,
      (edition.pools.pools.get(bookContainer) ?? []).map(({ group }) => group),
    ),
    countedAnswers: learner.judged.counted.size,
    orphanedAnswers: orphanedAnswers(record.answers, edition).length,
  }
}

export async function explainExercises(
  ports: AnswerPorts,
  student: Uuid,
  ecosystem: Uuid,
  exercises: readonly Uuid[],
): Promise<Map<Uuid, ExerciseOutlook>> {
  const outlooks = new Map<Uuid, ExerciseOutlook>()
  const record = (await ports.records.load([student])).get(student)
  const [edition, matrix] = await Promise.all([ports.editions.edition(ecosystem), ports.matrices.current(ecosystem)])
  if (record === undefined || edition === undefined) return outlooks
  // The order of picks uses every answer, also those whose feedback is not out (design D22).
  const { inputs } = ports.learners.of(record, edition, 'teacher', ports.clock.now())
  const knowledge = matrix && sparfa.know(matrix.matrix, inputs.answers)
  const times = new Map<Uuid, number>()
  for (const { exercise } of record.answers) {
    const group = edition.groupOf(exercise)
    if (group !== undefined) times.set(group, (times.get(group) ?? 0) + 1)
  }
  for (const exercise of exercises) {
    const group = edition.groupOf(exercise)
    const question = group === undefined ? undefined : matrix?.matrix.questionIndex.get(group)
    outlooks.set(exercise, {
      bookContainers: edition.index.containersOf.get(exercise) ?? [],
      expected:
        knowledge === undefined || matrix === undefined || question === undefined
          ? undefined
          : probabilityOf(matrix.matrix, knowledge, question),
      timesAnswered: group === undefined ? 0 : (times.get(group) ?? 0),
    })
  }
  return outlooks
}
