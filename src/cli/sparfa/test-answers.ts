import { plant } from '#estimate/sparfa/planted.ts'

/** A file of planted answers, small enough for a test and large enough to be held out from. */
export const plantedAnswers = plant({
  questions: 40,
  concepts: 4,
  learners: 80,
  responses: 2400,
  seed: 11,
  secondHints: 0.3,
  sigmaSpecific: 1,
  sigmaGeneral: 0.5,
})

export const header = 'learner,question,concept,correct,order'

/** Rows in the order of planting, without the header. */
export function plantedRows(): string[] {
  const { learner, question, isCorrect } = plantedAnswers.input.responses
  const { start, concept } = plantedAnswers.input.hints
  return Array.from(question, (asked, row) => {
    const concepts = concept.subarray(start[asked]!, start[asked + 1]!).join(';')
    return `${learner[row]},${asked},${concepts},${isCorrect[row]},${row}`
  })
}
