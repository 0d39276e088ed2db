import { type SeededRandom, seededRandom } from './seeded-random.ts'
import type { Learner, Question, Study, StudyAnswer } from './study.ts'

/**
 * A simulated class. Nothing of it is known to Biglearn, which fits another model (SPARFA), so it is a fair opponent.
 *
 * Student s answers item i of page p for the (t+1)-th time on that page correctly with
 *
 *   P = c + (1 - c) · 1 / (1 + exp(-a_i · (θ_sp + γ · t - b_i)))
 *
 * - a_i discrimination, b_i difficulty, c guessing: the three-parameter logistic model (Birnbaum, in Lord & Novick,
 *   Statistical Theories of Mental Test Scores, 1968); a = 1 and c = 0 would be Rasch's (1960).
 *   ln a_i ~ N(0, 0.25²), b_i ~ N(0, 1), c = 0.15 for multiple-choice items.
 * - θ_sp = √ρ · θ_s + √(1 - ρ) · ε_sp, all standard normal: abilities per page that hang together by a general ability,
 *   corr(θ_sp, θ_sq) = ρ (higher-order model: de la Torre & Douglas, Psychometrika 69, 2004). ρ = 0.5.
 * - γ · t: each exercise of a page lifts the ability for the next one (additive factors model: Cen, Koedinger &
 *   Junker, Learning Factors Analysis, ITS 2006). γ = 0.08, so eight exercises lift it by about half a deviation.
 *
 * Students work the book page by page and review all of it, in mixed order, at the end of the term.
 */
export interface SimulationSettings {
  readonly seed: number
  readonly students: number
  readonly chapters: number
  readonly pagesPerChapter: number
  readonly exercisesPerPage: number
  /** Of a page's exercises, at first and again in the review; the others stay free for personalised practice. */
  readonly firstAnswersPerPage: number
  readonly reviewAnswersPerPage: number
  readonly abilityCorrelation: number
  readonly discriminationSpread: number
  readonly difficultySpread: number
  readonly learningRate: number
  readonly guessing: number
}

export const simulationDefaults: SimulationSettings = {
  seed: 1,
  students: 60,
  chapters: 4,
  pagesPerChapter: 5,
  exercisesPerPage: 12,
  firstAnswersPerPage: 6,
  reviewAnswersPerPage: 2,
  abilityCorrelation: 0.5,
  discriminationSpread: 0.25,
  difficultySpread: 1,
  learningRate: 0.08,
  guessing: 0.15,
}

export interface Item {
  readonly discrimination: number
  readonly difficulty: number
}

export function probabilityCorrect(item: Item, ability: number, guessing: number): number {
  const logistic = 1 / (1 + Math.exp(-item.discrimination * (ability - item.difficulty)))
  return guessing + (1 - guessing) * logistic
}

/** One ability per page, standard normal each, correlated by the general ability. */
export function drawAbilities(random: SeededRandom, pageCount: number, correlation: number): number[] {
  const general = random.normal()
  return Array.from(
    { length: pageCount },
    () => Math.sqrt(correlation) * general + Math.sqrt(1 - correlation) * random.normal(),
  )
}

export function drawItems(random: SeededRandom, count: number, settings: SimulationSettings): Item[] {
  return Array.from({ length: count }, () => ({
    discrimination: Math.exp(settings.discriminationSpread * random.normal()),
    difficulty: settings.difficultySpread * random.normal(),
  }))
}

export function simulateClass(changes: Partial<SimulationSettings> = {}): Study {
  const settings = { ...simulationDefaults, ...changes }
  const pageCount = settings.chapters * settings.pagesPerChapter
  const questionCount = pageCount * settings.exercisesPerPage
  const items = drawItems(seededRandom(settings.seed, 'items'), questionCount, settings)
  const questions = items.map(
    (_, index): Question => ({
      label: index,
      pages: [Math.floor(index / settings.exercisesPerPage)],
    }),
  )
  return {
    name: 'simulated class',
    fingerprint: `simulated-class/${JSON.stringify(settings)}`,
    questions,
    pageCount,
    learners: Array.from({ length: settings.students }, (_, label) => simulateStudent(label, items, settings)),
    shape: {
      pagesPerChapter: settings.pagesPerChapter,
      studentsPerCourse: 300,
      studentsPerPeriod: Math.min(30, Math.max(1, Math.ceil(settings.students / 2))),
      exercisesPerAssignment: settings.firstAnswersPerPage,
    },
  }
}

/** Each student draws from a stream of its own, so that a larger class begins with the same students. */
function simulateStudent(label: number, items: readonly Item[], settings: SimulationSettings): Learner {
  const random = seededRandom(settings.seed, `student/${label}`)
  const pageCount = items.length / settings.exercisesPerPage
  const abilities = drawAbilities(random, pageCount, settings.abilityCorrelation)
  const practised = new Array<number>(pageCount).fill(0)
  const answers = drawQuestions(random, pageCount, settings).map((question): StudyAnswer => {
    const page = Math.floor(question / settings.exercisesPerPage)
    const lifted = abilities[page]! + settings.learningRate * practised[page]!
    practised[page]! += 1
    return { question, isCorrect: random.uniform() < probabilityCorrect(items[question]!, lifted, settings.guessing) }
  })
  return { label, answers }
}

/** Different exercises throughout: first page by page, then the review. */
function drawQuestions(random: SeededRandom, pageCount: number, settings: SimulationSettings): number[] {
  const { exercisesPerPage, firstAnswersPerPage, reviewAnswersPerPage } = settings
  const drawn = Array.from({ length: pageCount }, (_, page) =>
    random
      .sample(exercisesPerPage, firstAnswersPerPage + reviewAnswersPerPage)
      .map((exercise) => page * exercisesPerPage + exercise),
  )
  const review = drawn.flatMap((questions) => questions.slice(firstAnswersPerPage))
  return [
    ...drawn.flatMap((questions) => questions.slice(0, firstAnswersPerPage)),
    ...random.sample(review.length, review.length).map((index) => review[index]!),
  ]
}
