import { nextClosing } from '#choose/exclusions.ts'
import type { PersonalisedChoice } from '#choose/personalised.ts'
import type { Uuid } from '#domain/ids.ts'
import { remembered } from '#domain/remembered.ts'
import type { Instant } from '#domain/student.ts'
import type { Advice, Advisee } from './advice.ts'
import type { Edition } from './editions.ts'
import type { StudentRecord } from './student-records.ts'

/*
 * Personalised exercises of an assignment. Clients ask for them and then for the spaced ones of one or two histories,
 * which keep clear of them: as long as nothing moves, they are chosen once for all of these.
 */
interface Kept {
  readonly edition: Edition
  readonly matrix: Uuid
  readonly from: Instant
  /** When the first open work closes, which frees its exercises. */
  readonly until: Instant
  readonly choice: PersonalisedChoice
}

interface Asked extends Advisee {
  readonly assignment: Uuid
  readonly advice: Pick<Advice, 'algorithm' | 'matrix' | 'isSubmitted'>
  readonly now: Instant
}

const kept = new WeakMap<StudentRecord, Map<string, Kept>>()

export function personalisedChoice(asked: Asked, choose: () => PersonalisedChoice): PersonalisedChoice {
  const { record, edition, assignment, advice, now } = asked
  // What was submitted may be replaced while the record stays as it is.
  if (advice.isSubmitted) return choose()
  const { algorithm, matrix } = advice
  const ofRecord = remembered(kept, record, () => new Map<string, Kept>())
  const key = `${assignment} ${algorithm}`
  const before = ofRecord.get(key)
  const isCurrent = before?.edition === edition && before.matrix === matrix && before.from <= now && now < before.until
  if (before !== undefined && isCurrent) return before.choice
  const until = nextClosing(record.assignments, now) ?? Number.POSITIVE_INFINITY
  const choice = choose()
  ofRecord.set(key, { edition, matrix, from: now, until, choice })
  return choice
}
