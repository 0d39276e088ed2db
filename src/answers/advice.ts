import type { Candidates } from '#choose/candidates.ts'
import { clueInputs } from '#choose/clue-inputs.ts'
import { Ranking } from '#choose/ranking.ts'
import type { Area } from '#choose/worst-areas.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Ordering } from '#due/submitted-orderings.ts'
import { type CalculationInputs, calculationUuid } from './calculation.ts'
import type { Edition } from './editions.ts'
import type { FittedAlgorithm } from './in-process.ts'
import type { AnswerPorts } from './open.ts'
import type { StudentRecord } from './student-records.ts'

/** What one algorithm says about one student in one edition: all that the rules of choose/ want to know. */
export interface Advice {
  readonly algorithm: string
  /** Names the model behind it. */
  readonly matrix: Uuid
  ranking(candidates: Candidates): Ranking
  /** Expected share of right answers to an exercise group, where it is estimated. */
  expected(group: Uuid): number | undefined
  /** CLUEs as the student sees them: of pages, or where there are none, of what contains pages. */
  areas(): Promise<readonly Area[]>
  /** The name of a choice that rests on this advice. */
  calculation(choice: Choice): Uuid
  /** Submitted advice has no history: what rests on it can not be computed again as of a time. */
  readonly isSubmitted: boolean
}

export type Choice = Pick<CalculationInputs, 'kind' | 'subject' | 'algorithm' | 'beside'>

/** A student whose choice is asked for, in an edition that has arrived. */
export interface Advisee {
  readonly record: StudentRecord
  readonly edition: Edition
}

export function fittedAdvice(ports: AnswerPorts, { record, edition }: Advisee, fitted: FittedAlgorithm): Advice {
  const now = ports.clock.now()
  return {
    algorithm: fitted.name,
    matrix: fitted.model,
    // The order of picks may use every answer, also those whose feedback is not out (design D22).
    ranking: (candidates) =>
      Ranking.ofGroups(fitted.rank(ports.learners.of(record, edition, 'teacher', now), candidates)),
    expected: (group) => fitted.expected(ports.learners.of(record, edition, 'teacher', now), group),
    areas: async () => {
      const learner = ports.learners.of(record, edition, 'student', now)
      const { pools, index } = edition
      const areaOf = (container: Uuid): Area[] => {
        const inputs = clueInputs({ pools, container, exclusions: record.course.exclusions, learners: [learner] })
        // What is withheld touches no worst area, not even by being there (design D22).
        return inputs.isCounted ? [{ container, clue: fitted.clue([learner], inputs.pool) }] : []
      }
      const pages = [...index.pages].flatMap(areaOf)
      return pages.length > 0 ? pages : index.containers.flatMap(areaOf)
    },
    calculation: (choice) =>
      calculationUuid({ ...choice, container: undefined, matrix: fitted.model, position: record.position }),
    isSubmitted: false,
  }
}

/** The same from what a remote algorithm submitted: an order of exercises, and CLUEs of its own. */
export function submittedAdvice(ports: AnswerPorts, { record }: Advisee, ordering: Ordering): Advice {
  const { algorithm, matrix, result } = ordering
  return {
    algorithm,
    matrix,
    ranking: () => Ranking.of(ordering.exercises),
    expected: () => undefined,
    areas: async () => {
      const { clues } = ports.submitted
      const own = await clues.ofSubjects('student_clues', algorithm.toLowerCase(), [record.student.uuid])
      return own.map(({ bookContainer, clue }) => ({ container: bookContainer, clue }))
    },
    calculation: () => result,
    isSubmitted: true,
  }
}
