import type { Uuid } from '#domain/ids.ts'
import type { Instant } from '#domain/student.ts'
import { chance, seedOf } from './random.ts'

/*
 * Experiments: a course or a student is answered by one of several algorithms, the arms, drawn by weight and seed. The
 * draw is weighted rendezvous hashing: each arm's clock runs at the speed of its weight and the first to ring has the
 * unit. So it is a function of seed, unit and arms alone, whatever their order; units that come later change nothing
 * for others; and with other weights a unit only moves to an arm that gained from one that lost.
 */
export const answerKinds = ['student_clue', 'teacher_clue', 'pe', 'spe', 'worst_areas'] as const
export type AnswerKind = (typeof answerKinds)[number]

export const experimentUnits = ['course', 'student'] as const
export type ExperimentUnit = (typeof experimentUnits)[number]

export interface Arm {
  readonly algorithm: string
  /** Relative to the sum of all; 0 gets nobody. */
  readonly weight: number
}

/** Other arms or weights are another version; units are drawn, and recorded, once for each. */
export interface ExperimentVersion {
  readonly version: number
  readonly since: Instant
  readonly arms: readonly Arm[]
}

export interface Experiment {
  readonly name: string
  readonly unit: ExperimentUnit
  readonly kinds: readonly AnswerKind[]
  readonly seed: string
  readonly description: string
  readonly startsAt: Instant
  /** `undefined`: until somebody ends it. */
  readonly endsAt: Instant | undefined
  /** In order, at least one. */
  readonly versions: readonly ExperimentVersion[]
}

export type ExperimentDraft = Pick<Experiment, 'name' | 'unit' | 'kinds' | 'seed' | 'description' | 'endsAt'> & {
  readonly arms: readonly Arm[]
  /** `undefined`: at once. */
  readonly startsAt: Instant | undefined
}

export interface RunningExperiment {
  readonly experiment: Experiment
  readonly version: ExperimentVersion
}

/** The arm that a unit gets. `arms` must pass `armProblems`. */
export function assignedArm(seed: string, arms: readonly Arm[], unit: Uuid): Arm {
  let first: Arm | undefined
  let earliest = Number.POSITIVE_INFINITY
  for (const arm of arms) {
    const name = arm.algorithm.toLowerCase()
    // Exponential waiting time with rate `weight`; `chance` is below 1, so the logarithm is finite.
    const rings = -Math.log1p(-chance(seedOf('experiment', seed, name), unit)) / arm.weight
    const isFirst =
      rings < earliest || (rings === earliest && first !== undefined && name < first.algorithm.toLowerCase())
    if (!isFirst) continue
    first = arm
    earliest = rings
  }
  if (first === undefined) throw new RangeError('an experiment without an arm that has weight')
  return first
}

/** Share of the units that each arm is meant to get, 0…1. */
export function expectedShares(arms: readonly Arm[]): number[] {
  const total = arms.reduce((sum, { weight }) => sum + weight, 0)
  return arms.map(({ weight }) => weight / total)
}

export function isRunning({ startsAt, endsAt }: Experiment, instant: Instant): boolean {
  return startsAt <= instant && (endsAt === undefined || instant < endsAt)
}

/** The experiment that decides about a kind of answer at some time. At most one: overlapping ones are refused. */
export function runningAt(
  experiments: readonly Experiment[],
  kind: AnswerKind,
  instant: Instant,
): RunningExperiment | undefined {
  const experiment = experiments.find((one) => one.kinds.includes(kind) && isRunning(one, instant))
  const version = experiment?.versions.findLast(({ since }) => since <= instant)
  return experiment && version && { experiment, version }
}

/** An experiment that would at some time decide about the same kind of answer as the draft. */
export function overlapping(
  experiments: readonly Experiment[],
  { kinds, endsAt }: Pick<ExperimentDraft, 'kinds' | 'endsAt'>,
  startsAt: Instant,
): Experiment | undefined {
  const forever = Number.POSITIVE_INFINITY
  return experiments.find(
    (one) =>
      // One that was ended before its start never decides.
      one.startsAt !== one.endsAt &&
      one.kinds.some((kind) => kinds.includes(kind)) &&
      one.startsAt < (endsAt ?? forever) &&
      startsAt < (one.endsAt ?? forever),
  )
}

const historyPrefix = /^(?:student|instructor)_driven_/i

/**
 * The algorithm name to answer under. Names of spaced exercises tell the history too: the arm's own if it has one, else
 * the one that was asked for.
 */
export function algorithmOfArm(kind: AnswerKind, algorithm: string, historyAsked: string | undefined): string {
  if (kind !== 'spe' || historyPrefix.test(algorithm)) return algorithm
  return `${historyAsked ?? 'student_driven'}_${algorithm}`
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/
const textMax = 200

/** What is wrong with a draft, a sentence each; empty when it may be tried to create it. */
export function experimentProblems(draft: ExperimentDraft, now: Instant): string[] {
  const { name, unit, kinds, seed, description, startsAt, endsAt } = draft
  const problems = armProblems(draft.arms, kinds)
  if (!namePattern.test(name)) {
    problems.push(
      'a name has 1 to 100 letters, digits, dots, hyphens and underscores, and begins with a letter or digit',
    )
  }
  if (kinds.length === 0) problems.push(`name at least one kind: ${answerKinds.join(', ')}`)
  if (new Set(kinds).size < kinds.length) problems.push('name each kind once')
  if (unit === 'student' && kinds.includes('teacher_clue')) {
    problems.push('a teacher_clue is about many students: use the unit course, or leave this kind out')
  }
  if (seed === '' || seed.length > textMax) problems.push(`a seed has 1 to ${textMax} characters`)
  if (description.length > 1000) problems.push('a description has at most 1000 characters')
  if (startsAt !== undefined && startsAt < now) problems.push('the start is in the past; who was answered then is done')
  if (endsAt !== undefined && endsAt <= (startsAt ?? now)) problems.push('the end is not after the start')
  return problems
}

export function armProblems(arms: readonly Arm[], kinds: readonly AnswerKind[]): string[] {
  const problems: string[] = []
  const names = arms.map(({ algorithm }) => algorithm.toLowerCase())
  if (arms.length < 2) problems.push('an experiment compares at least two arms')
  if (arms.length > 20) problems.push('an experiment has at most 20 arms')
  if (new Set(names).size < names.length) problems.push('each arm is an algorithm of its own; case makes no difference')
  for (const { algorithm, weight } of arms) {
    if (algorithm === '' || algorithm.length > textMax || algorithm.includes('\0')) {
      problems.push(`the name of an algorithm has 1 to ${textMax} characters`)
    }
    if (!(Number.isFinite(weight) && weight >= 0)) {
      problems.push(`the weight of ${algorithm} must be a number from 0 up, such as 1 or 0.5`)
    }
    if (/^(?:(?:student|instructor)_driven_)?assigned$/i.test(algorithm)) {
      problems.push(`${algorithm} is what clients ask for, not an algorithm`)
    }
    if (historyPrefix.test(algorithm) && kinds.some((kind) => kind !== 'spe')) {
      problems.push(`${algorithm} names spaced exercises: use the kind spe alone, or leave the prefix out`)
    }
  }
  if (!(arms.reduce((sum, { weight }) => sum + weight, 0) > 0)) problems.push('at least one arm needs weight')
  return problems
}
