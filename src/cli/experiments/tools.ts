import { InvalidArgumentError } from 'commander'
import type pg from 'pg'
import {
  type AnswerKind,
  type Arm,
  answerKinds,
  type Experiment,
  type ExperimentUnit,
  experimentUnits,
} from '#choose/experiment.ts'
import { beginsWithDay } from '#domain/calendar.ts'
import type { Instant } from '#domain/student.ts'
import { isRefused, type Refused } from '#due/experiments.ts'
import { ConfigurationError } from '#platform/config.ts'
import { openPool } from '#platform/postgres.ts'
import { checkDatabase } from '../checked-database.ts'
import { algorithmNames, algorithmsDefault, requireDatabaseUrl } from '../serve/options.ts'

/** What every command below `biglearn experiments` works with; tests give others. */
export interface ExperimentTools {
  databaseUrl(): string
  /** Resolves when more may be written. */
  write(text: string): Promise<void>
  /** Beside the result: warnings, progress. */
  note(text: string): void
}

export const processTools: ExperimentTools = {
  databaseUrl: () => requireDatabaseUrl(process.env),
  write: (text) =>
    new Promise((done, failed) => process.stdout.write(text, (error) => (error ? failed(error) : done()))),
  note: (text) => void process.stderr.write(text),
}

export async function withPool(tools: ExperimentTools, work: (pool: pg.Pool) => Promise<void>): Promise<void> {
  const pool = openPool(tools.databaseUrl(), { name: 'experiments', connectionsMax: 2, statementTimeoutMs: 60_000 })
  try {
    await checkDatabase(pool)
    await work(pool)
  } finally {
    await pool.end()
  }
}

/** The experiment, or the end of the command with what is wrong. */
export function accepted(outcome: Experiment | Refused, nextStep: string): Experiment {
  if (isRefused(outcome)) throw new ConfigurationError(outcome.problems.join('\n          '), nextStep)
  return outcome
}

export function parseKinds(text: string): readonly AnswerKind[] {
  return text.split(',').map((word) => {
    const kind = answerKinds.find((one) => one === word.trim())
    if (kind !== undefined) return kind
    throw new InvalidArgumentError(`there is no kind "${word.trim()}"; there are ${answerKinds.join(', ')}.`)
  })
}

export function parseUnit(text: string): ExperimentUnit {
  const unit = experimentUnits.find((one) => one === text)
  if (unit !== undefined) return unit
  throw new InvalidArgumentError('must be course or student.')
}

/** NAME or NAME=WEIGHT; the option may be repeated. */
export function parseArm(text: string, before: readonly Arm[] | undefined): readonly Arm[] {
  const [algorithm = '', weight = '1', ...rest] = text.split('=')
  if (algorithm.trim() === '' || weight.trim() === '' || rest.length > 0 || Number.isNaN(Number(weight))) {
    throw new InvalidArgumentError('must be NAME or NAME=WEIGHT, such as local_query=0.5.')
  }
  return [...(before ?? []), { algorithm: algorithm.trim(), weight: Number(weight) }]
}

/** A date-time with its zone; a time without one would mean another moment elsewhere. */
export function parseTime(text: string): Instant {
  const isDateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/i.test(text)
  const instant = isDateTime && beginsWithDay(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(instant))
    throw new InvalidArgumentError('must be a time with its zone, such as 2026-09-01T08:00:00Z.')
  return instant
}

/** Arms that will not be answered everywhere, a warning each. */
export function armWarnings(arms: readonly Arm[]): string[] {
  return arms.flatMap(({ algorithm }) => {
    const base = algorithm.toLowerCase().replace(/^(student|instructor)_driven_/, '')
    if (algorithmsDefault.some((name) => name === base)) return []
    if (algorithmNames.some((name) => name === base)) {
      return [`${algorithm} answers where servers run with --algorithms ${algorithmsDefault.join(',')},${base}`]
    }
    return [
      `${algorithm} is no algorithm of this program (${algorithmNames.join(', ')}): whoever gets it is answered from ` +
        'what a remote algorithm submits under this name, and is unready until then',
    ]
  })
}

export const textOf = (instant: Instant | undefined): string =>
  instant === undefined ? 'open' : new Date(instant).toISOString()
