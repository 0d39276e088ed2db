/**
 * The loops that touch every response: z = W u + d, and its two transposes. Responses are learner-major, so u stays in
 * registers' reach while W and d (small) stay in cache. Summation order is fixed by the sorted responses.
 */
import { blockCountFor, blockStarts, type InBlocks, sharedInts, sumUp } from './blocks.ts'
import type { ConceptRows } from './matrix.ts'
import type { Point } from './problem.ts'
import type { Responses } from './responses.ts'

/** Responses together with, for a hard mask, the place in v of every (response, hint) pair. */
export interface ResponseRows extends Responses {
  /** Where each learner's pairs begin, row after row, each in the order of the question's hints. */
  readonly placeStart: Int32Array
  /** Counted from the learner's first entry in v. */
  readonly place: Int32Array
}

export interface Kernels {
  /** Length of `Point.specific`. */
  readonly specificCount: number
  /** First entry in v of each learner. */
  readonly specificStart: Int32Array
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
export function hardKernels({ specificRows, rows: own }: Met, hints: ConceptRows, conceptCount: number): Kernels {
  const [specificStart, specificCount] = [specificRows.start, specificRows.concept.length + 1]
  return {
    specificCount,
    specificStart,
    rowsOf: (rows) => (rows.start === own.start ? own : placesOf(rows, hints, specificRows, conceptCount)),

    forward(rows, { weights, easiness, specific, general }, z) {
      const { start, question, placeStart, place } = rows
      for (let learner = 0; learner < rows.learnerCount; learner++) {
        const ability = general[learner]!
        const first = specificStart[learner]!
        let at = placeStart[learner]!
        for (let row = start[learner]!; row < start[learner + 1]!; row++) {
          const asked = question[row]!
          let sum = easiness[asked]!
          for (let entry = hints.start[asked]!; entry < hints.start[asked + 1]!; entry++) {
            sum += weights[entry]! * (specific[first + place[at]!]! + ability)
            at += 1
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
        const first = specificStart[learner]!
        let at = placeStart[learner]!
        for (let row = start[learner]!; row < start[learner + 1]!; row++) {
          const asked = question[row]!
          const value = residual[row]!
          easiness[asked]! += value
          for (let entry = hints.start[asked]!; entry < hints.start[asked + 1]!; entry++) {
            weights[entry]! += value * (specific[first + place[at]!]! + ability)
            at += 1
          }
        }
      }
    },

    ontoLearners(rows, residual, { weights }, gradient) {
      const { start, question, placeStart, place } = rows
      const { specific, general } = gradient
      specific.fill(0)
      for (let learner = 0; learner < rows.learnerCount; learner++) {
        const first = specificStart[learner]!
        let at = placeStart[learner]!
        let sum = 0
        for (let row = start[learner]!; row < start[learner + 1]!; row++) {
          const asked = question[row]!
          const value = residual[row]!
          for (let entry = hints.start[asked]!; entry < hints.start[asked + 1]!; entry++) {
            const part = value * weights[entry]!
            specific[first + place[at]!]! += part
            sum += part
            at += 1
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
    specificStart: Int32Array.from({ length: responses.learnerCount + 1 }, (_, learner) => learner * width),
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

export interface Met {
  /** The concepts each learner has a response on, in the order in which they are met. */
  readonly specificRows: ConceptRows
  readonly rows: ResponseRows
}

export interface MeetingWork {
  readonly conceptCount: number
  readonly blockStart: Int32Array
  readonly rows: ResponseRows
  readonly hints: ConceptRows
  /** Concepts met by each learner, one place behind; the concepts begin where the learner's places do. */
  readonly met: Int32Array
  readonly concept: Int32Array
}

/** Numbers the entries of v, and finds those of every response, by blocks of learners. */
export function makeMeeting(
  responses: Responses,
  hints: ConceptRows,
  conceptCount: number,
): InBlocks<MeetingWork, Met> {
  const { start, question, learnerCount } = responses
  const blocks = blockCountFor(question.length)
  const placeStart = placeStarts(responses, hints)
  const rows = { ...responses, placeStart, place: sharedInts(placeStart[learnerCount]!) }
  const work: MeetingWork = {
    conceptCount,
    blockStart: blockStarts(start, blocks),
    rows,
    hints,
    met: sharedInts(learnerCount + 1),
    concept: sharedInts(rows.place.length),
  }
  return {
    work,
    blocks,
    result() {
      const { met, concept } = work
      sumUp(met)
      for (let learner = 0; learner < learnerCount; learner++) {
        const begin = placeStart[learner]!
        concept.copyWithin(met[learner]!, begin, begin + met[learner + 1]! - met[learner]!)
      }
      return { specificRows: { start: met, concept: concept.slice(0, met[learnerCount]!) }, rows }
    },
  }
}

export function meetConcepts(
  { conceptCount, blockStart, rows, hints, met, concept }: MeetingWork,
  block: number,
): void {
  const { start, question, placeStart, place } = rows
  const metBy = new Int32Array(conceptCount).fill(-1)
  const entryOf = new Int32Array(conceptCount)
  for (let learner = blockStart[block]!; learner < blockStart[block + 1]!; learner++) {
    const first = placeStart[learner]!
    let at = first
    let count = 0
    for (let row = start[learner]!; row < start[learner + 1]!; row++) {
      const end = hints.start[question[row]! + 1]!
      for (let hint = hints.start[question[row]!]!; hint < end; hint++) {
        const hinted = hints.concept[hint]!
        if (metBy[hinted] !== learner) {
          metBy[hinted] = learner
          entryOf[hinted] = count
          concept[first + count] = hinted
          count += 1
        }
        place[at] = entryOf[hinted]!
        at += 1
      }
    }
    met[learner + 1] = count
  }
}

/** First (response, hint) pair of each learner. */
function placeStarts({ learnerCount, start, question }: Responses, hints: ConceptRows): Int32Array {
  const starts = sharedInts(learnerCount + 1)
  let pairs = 0
  for (let learner = 0; learner < learnerCount; learner++) {
    for (let row = start[learner]!; row < start[learner + 1]!; row++) {
      pairs += hints.start[question[row]! + 1]! - hints.start[question[row]!]!
    }
    starts[learner + 1] = pairs
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
  const { learnerCount, start, question } = responses
  const placeStart = placeStarts(responses, hints)
  const place = sharedInts(placeStart[learnerCount]!)
  const entryOf = new Int32Array(conceptCount)
  const metBy = new Int32Array(conceptCount).fill(-1)
  const zero = specificRows.concept.length
  let at = 0
  for (let learner = 0; learner < learnerCount; learner++) {
    if (start[learner] === start[learner + 1]) continue
    const first = specificRows.start[learner]!
    for (let entry = first; entry < specificRows.start[learner + 1]!; entry++) {
      metBy[specificRows.concept[entry]!] = learner
      entryOf[specificRows.concept[entry]!] = entry - first
    }
    for (let row = start[learner]!; row < start[learner + 1]!; row++) {
      const end = hints.start[question[row]! + 1]!
      for (let hint = hints.start[question[row]!]!; hint < end; hint++) {
        const hinted = hints.concept[hint]!
        place[at] = metBy[hinted] === learner ? entryOf[hinted]! : zero - first
        at += 1
      }
    }
  }
  return { ...responses, placeStart, place }
}
