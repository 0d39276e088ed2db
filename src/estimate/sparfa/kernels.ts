/**
 * The loops that touch every response: z = W u + d, and its two transposes. Responses are learner-major, so u stays in
 * registers' reach while W and d (small) stay in cache. Summation order is fixed by the sorted responses.
 */
import type { ConceptRows } from './matrix.ts'
import type { Point } from './problem.ts'
import type { Responses } from './responses.ts'

/** Responses together with, for a hard mask, the place in v of every (response, hint) pair. */
export interface ResponseRows extends Responses {
  /** Entries of response i are place[placeStart[i]…placeStart[i + 1] - 1], in the order of the question's hints. */
  readonly placeStart: Int32Array
  readonly place: Int32Array
}

export interface Kernels {
  /** Length of `Point.specific`. */
  readonly specificCount: number
  /** First entry in v of each learner, and the concept of each entry. */
  readonly specificRows: ConceptRows
  /** Prepares rows, those of the fit or others of the same learners and questions. */
  rowsOf(responses: Responses): ResponseRows
  /** z of every response. */
  forward(rows: ResponseRows, point: Point, z: Float64Array): void
  /** gradient.weights, gradient.easiness = transposed design of the questions times `residual`. */
  ontoQuestions(rows: ResponseRows, residual: Float64Array, point: Point, gradient: Point): void
  /** gradient.specific, gradient.general = transposed design of the learners times `residual`. */
  ontoLearners(rows: ResponseRows, residual: Float64Array, point: Point, gradient: Point): void
}

/** Weights exist on hints alone, v for the concepts each learner has met. */
export function hardKernels(responses: Responses, hints: ConceptRows, conceptCount: number): Kernels {
  const { specificRows, rows: own } = conceptsMet(responses, hints, conceptCount)
  const specificCount = specificRows.concept.length + 1
  return {
    specificCount,
    specificRows,
    rowsOf: (rows) => (rows === responses ? own : placesOf(rows, hints, specificRows, conceptCount)),

    forward(rows, { weights, easiness, specific, general }, z) {
      const { start, question, placeStart, place } = rows
      for (let learner = 0; learner < rows.learnerCount; learner++) {
        const ability = general[learner]!
        for (let row = start[learner]!; row < start[learner + 1]!; row++) {
          const asked = question[row]!
          let entry = hints.start[asked]!
          let sum = easiness[asked]!
          for (let at = placeStart[row]!; at < placeStart[row + 1]!; at++) {
            sum += weights[entry]! * (specific[place[at]!]! + ability)
            entry += 1
          }
          z[row] = sum
        }
      }
    },

    ontoQuestions(rows, residual, { specific, general }, gradient) {
      const { start, question, placeStart, place } = rows
      const { weights, easiness } = gradient
      weights.fill(0)
      easiness.fill(0)
      for (let learner = 0; learner < rows.learnerCount; learner++) {
        const ability = general[learner]!
        for (let row = start[learner]!; row < start[learner + 1]!; row++) {
          const asked = question[row]!
          let entry = hints.start[asked]!
          const value = residual[row]!
          easiness[asked]! += value
          for (let at = placeStart[row]!; at < placeStart[row + 1]!; at++) {
            weights[entry]! += value * (specific[place[at]!]! + ability)
            entry += 1
          }
        }
      }
    },

    ontoLearners(rows, residual, { weights }, gradient) {
      const { start, question, placeStart, place } = rows
      const { specific, general } = gradient
      specific.fill(0)
      for (let learner = 0; learner < rows.learnerCount; learner++) {
        let sum = 0
        for (let row = start[learner]!; row < start[learner + 1]!; row++) {
          let entry = hints.start[question[row]!]!
          const value = residual[row]!
          for (let at = placeStart[row]!; at < placeStart[row + 1]!; at++) {
            const part = value * weights[entry]!
            specific[place[at]!]! += part
            sum += part
            entry += 1
          }
        }
        general[learner] = sum
      }
      specific[specificCount - 1] = 0
    },
  }
}

/** Weights and v exist for every pair: dense rows of length conceptCount. */
export function softKernels(responses: Responses, conceptCount: number): Kernels {
  const width = conceptCount
  return {
    specificCount: responses.learnerCount * width,
    specificRows: {
      start: Int32Array.from({ length: responses.learnerCount + 1 }, (_, learner) => learner * width),
      concept: Int32Array.from({ length: responses.learnerCount * width }, (_, entry) => entry % width),
    },
    rowsOf: (rows) => ({ ...rows, placeStart: new Int32Array(0), place: new Int32Array(0) }),

    forward(rows, { weights, easiness, specific, general }, z) {
      const known = new Float64Array(width)
      for (let learner = 0; learner < rows.learnerCount; learner++) {
        fillKnown(known, specific, general, learner)
        for (let row = rows.start[learner]!; row < rows.start[learner + 1]!; row++) {
          const asked = rows.question[row]!
          const base = asked * width
          let sum = easiness[asked]!
          for (let concept = 0; concept < width; concept++) sum += weights[base + concept]! * known[concept]!
          z[row] = sum
        }
      }
    },

    ontoQuestions(rows, residual, { specific, general }, gradient) {
      const known = new Float64Array(width)
      const { weights, easiness } = gradient
      weights.fill(0)
      easiness.fill(0)
      for (let learner = 0; learner < rows.learnerCount; learner++) {
        fillKnown(known, specific, general, learner)
        for (let row = rows.start[learner]!; row < rows.start[learner + 1]!; row++) {
          const asked = rows.question[row]!
          const base = asked * width
          const value = residual[row]!
          easiness[asked]! += value
          for (let concept = 0; concept < width; concept++) weights[base + concept]! += value * known[concept]!
        }
      }
    },

    ontoLearners(rows, residual, { weights }, gradient) {
      const sums = new Float64Array(width)
      for (let learner = 0; learner < rows.learnerCount; learner++) {
        sums.fill(0)
        for (let row = rows.start[learner]!; row < rows.start[learner + 1]!; row++) {
          const base = rows.question[row]! * width
          const value = residual[row]!
          for (let concept = 0; concept < width; concept++) sums[concept]! += value * weights[base + concept]!
        }
        let total = 0
        for (const sum of sums) total += sum
        gradient.general[learner] = total
        gradient.specific.set(sums, learner * width)
      }
    },
  }
}

/** u = v + g of one learner. */
function fillKnown(known: Float64Array, specific: Float64Array, general: Float64Array, learner: number): void {
  const base = learner * known.length
  const ability = general[learner]!
  for (let concept = 0; concept < known.length; concept++) known[concept] = specific[base + concept]! + ability
}

interface Met {
  /** The concepts each learner has a response on, in the order in which they are met. */
  readonly specificRows: ConceptRows
  readonly rows: ResponseRows
}

/** Numbers the entries of v, and finds those of every response. */
function conceptsMet(responses: Responses, hints: ConceptRows, conceptCount: number): Met {
  const { start, question, learnerCount } = responses
  const metBy = new Int32Array(conceptCount).fill(-1)
  const entryOf = new Int32Array(conceptCount)
  const entryStart = new Int32Array(learnerCount + 1)
  const placeStart = placeStarts(question, hints)
  const place = new Int32Array(placeStart[question.length]!)
  const concept = new Int32Array(place.length)
  let count = 0
  let at = 0
  for (let learner = 0; learner < learnerCount; learner++) {
    for (let row = start[learner]!; row < start[learner + 1]!; row++) {
      const end = hints.start[question[row]! + 1]!
      for (let hint = hints.start[question[row]!]!; hint < end; hint++) {
        const hinted = hints.concept[hint]!
        if (metBy[hinted] !== learner) {
          metBy[hinted] = learner
          entryOf[hinted] = count
          concept[count] = hinted
          count += 1
        }
        place[at] = entryOf[hinted]!
        at += 1
      }
    }
    entryStart[learner + 1] = count
  }
  const specificRows = { start: entryStart, concept: concept.slice(0, count) }
  return { specificRows, rows: { ...responses, placeStart, place } }
}

function placeStarts(question: Int32Array, hints: ConceptRows): Int32Array {
  const starts = new Int32Array(question.length + 1)
  for (let row = 0; row < question.length; row++) {
    const asked = question[row]!
    starts[row + 1] = starts[row]! + hints.start[asked + 1]! - hints.start[asked]!
  }
  return starts
}

/** Concepts the learner has not met point to the last entry of v, which is always zero. */
function placesOf(
  responses: Responses,
  hints: ConceptRows,
  specificRows: ConceptRows,
  conceptCount: number,
): ResponseRows {
  const placeStart = placeStarts(responses.question, hints)
  const place = new Int32Array(placeStart[responses.question.length]!)
  const zero = specificRows.concept.length
  const placeOf = new Int32Array(conceptCount).fill(zero)
  for (let learner = 0; learner < responses.learnerCount; learner++) {
    if (responses.start[learner] === responses.start[learner + 1]) continue
    for (let at = specificRows.start[learner]!; at < specificRows.start[learner + 1]!; at++) {
      placeOf[specificRows.concept[at]!] = at
    }
    for (let row = responses.start[learner]!; row < responses.start[learner + 1]!; row++) {
      const first = hints.start[responses.question[row]!]!
      for (let at = placeStart[row]!; at < placeStart[row + 1]!; at++) {
        place[at] = placeOf[hints.concept[first + at - placeStart[row]!]!]!
      }
    }
    for (let at = specificRows.start[learner]!; at < specificRows.start[learner + 1]!; at++) {
      placeOf[specificRows.concept[at]!] = zero
    }
  }
  return { ...responses, placeStart, place }
}
