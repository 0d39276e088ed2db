/**
 * What the demo plays: learners who answer questions that belong to pages of a book. It comes from a file of real
 * answers or from the simulated class; everything after that is the same.
 */
export interface Study {
  readonly name: string
  /** Names the data: the same fingerprint gives the same uuids, so that a repeated run repeats the same requests. */
  readonly fingerprint: string
  readonly questions: readonly Question[]
  readonly pageCount: number
  readonly learners: readonly Learner[]
  readonly shape: StudyShape
}

export interface Question {
  /** Number in the source; the index in `questions` is the identity inside the demo. */
  readonly label: number
  /** Pages (0…pageCount-1) whose pools hold the question; at least one. */
  readonly pages: readonly number[]
}

export interface Learner {
  readonly label: number
  /** In the order in which they were given. */
  readonly answers: readonly StudyAnswer[]
}

export interface StudyAnswer {
  readonly question: number
  readonly isCorrect: boolean
}

export interface StudyShape {
  readonly pagesPerChapter: number
  readonly studentsPerCourse: number
  readonly studentsPerPeriod: number
  readonly exercisesPerAssignment: number
}

export function countAnswers(study: Study): number {
  return study.learners.reduce((sum, learner) => sum + learner.answers.length, 0)
}
