import { LRUCache } from 'lru-cache'
import type pg from 'pg'
import {
  type AnswerKind,
  type Arm,
  armProblems,
  assignedArm,
  type Experiment,
  type ExperimentDraft,
  type ExperimentUnit,
  experimentProblems,
  overlapping,
  type RunningExperiment,
  runningAt,
} from '#choose/experiment.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { Instant } from '#domain/student.ts'
import { inTransaction } from '#platform/postgres.ts'

/*
 * Experiments in the database. A unit's arm is recorded when it is first asked for, and the first record stays: it is
 * what all processes answer by from then on. Which experiments run is known with at most a second's delay; the record
 * itself is made only while the experiment runs by the clock of the database.
 */
export interface Experiments {
  running(kind: AnswerKind, instant: Instant): Promise<RunningExperiment | undefined>
  /**
   * The arm of each unit, recorded now if it was not. Units are absent when the experiment has just ended or got
   * another version: `running` says so from then on.
   */
  arms(running: RunningExperiment, units: readonly Uuid[]): Promise<Map<Uuid, string>>
  /** The same for looking back: what is not recorded is what would have been drawn. */
  armsThen(running: RunningExperiment, units: readonly Uuid[]): Promise<Map<Uuid, string>>
}

export interface ExperimentOptions {
  readonly freshMs?: number
  readonly unitsMax?: number
}

export function openExperiments(pool: pg.Pool, options: ExperimentOptions = {}): Experiments {
  const { freshMs = 1000, unitsMax = 100_000 } = options
  const kept = new LRUCache<string, string>({ max: unitsMax })
  let list: { readonly at: number; readonly experiments: Promise<readonly Experiment[]> } | undefined

  function current(): Promise<readonly Experiment[]> {
    const now = performance.now()
    if (list === undefined || now - list.at >= freshMs) {
      const experiments = readExperiments(pool)
      const read = { at: now, experiments }
      experiments.catch(() => {
        if (list === read) list = undefined
      })
      list = read
    }
    return list.experiments
  }

  return {
    running: async (kind, instant) => runningAt(await current(), kind, instant),
    arms: async (running, units) => {
      const { experiment, version } = running
      const keyOf = (unit: Uuid): string => `${experiment.name} ${version.version} ${unit}`
      const known = new Map<Uuid, string>()
      for (const unit of units) {
        const arm = kept.get(keyOf(unit))
        if (arm !== undefined) known.set(unit, arm)
      }
      const others = [...new Set(units)].filter((unit) => !known.has(unit))
      if (others.length === 0) return known
      const recorded = await readArms(pool, running, others)
      const fresh = others.filter((unit) => !recorded.has(unit))
      const written = fresh.length === 0 ? new Map<Uuid, string>() : await record(pool, running, fresh)
      for (const [unit, arm] of [...recorded, ...written]) {
        known.set(unit, arm)
        kept.set(keyOf(unit), arm)
      }
      if (written.size < fresh.length) list = undefined
      return known
    },
    armsThen: async (running, units) => {
      const recorded = await readArms(pool, running, units)
      return new Map(units.map((unit) => [unit, recorded.get(unit) ?? drawn(running, unit)]))
    },
  }
}

function drawn({ experiment, version }: RunningExperiment, unit: Uuid): string {
  return assignedArm(experiment.seed, version.arms, unit).algorithm
}

/** Rows about a unit are in the unit's own part. */
const placeOf = (unit: Uuid): number => partOf('course', unit)

async function readArms(
  pool: pg.Pool,
  { experiment, version }: RunningExperiment,
  units: readonly Uuid[],
): Promise<Map<Uuid, string>> {
  const { rows } = await pool.query<{ unit_uuid: string; algorithm_name: string }>(
    `select unit_uuid, algorithm_name
     from unnest($3::smallint[], $4::uuid[]) as line (part, unit_uuid)
     join experiment_assignment using (part, unit_uuid)
     where experiment = $1
       and version = $2`,
    [experiment.name, version.version, units.map(placeOf), units],
  )
  return new Map(rows.map(({ unit_uuid: unit, algorithm_name: arm }) => [toUuid(unit), arm]))
}

/** Of two processes that record the same unit the first one wins, and both read its record. */
async function record(pool: pg.Pool, running: RunningExperiment, units: readonly Uuid[]): Promise<Map<Uuid, string>> {
  const { experiment, version } = running
  // In one order, so that processes that record the same units do not wait for each other in a circle.
  const sorted = [...units].sort()
  await pool.query(
    `insert into experiment_assignment (part, experiment, version, unit_uuid, algorithm_name)
     select part, $1, $2, unit_uuid, algorithm_name
     from unnest($3::smallint[], $4::uuid[], $5::text[]) as line (part, unit_uuid, algorithm_name)
     where exists (
         select
         from experiment
         where name = $1
           and starts_at <= now()
           and (ends_at is null or now() < ends_at))
       and $2 = (select max(version) from experiment_version where experiment = $1)
     on conflict (part, experiment, version, unit_uuid) do nothing`,
    [experiment.name, version.version, sorted.map(placeOf), sorted, sorted.map((unit) => drawn(running, unit))],
  )
  return readArms(pool, running, sorted)
}

interface ExperimentRow {
  readonly name: string
  readonly unit: ExperimentUnit
  readonly kinds: readonly AnswerKind[]
  readonly seed: string
  readonly description: string
  readonly starts_at: Date
  readonly ends_at: Date | null
}

interface VersionRow {
  readonly experiment: string
  readonly version: number
  readonly algorithm_names: readonly string[]
  readonly weights: readonly number[]
  readonly since: Date
}

/** All there ever were, in order of their start. */
export async function readExperiments(database: pg.Pool | pg.ClientBase): Promise<Experiment[]> {
  const experiments = await database.query<ExperimentRow>(
    `select name, unit, kinds, seed, description, starts_at, ends_at
     from experiment
     order by starts_at, name`,
  )
  if (experiments.rows.length === 0) return []
  const versions = await database.query<VersionRow>(
    `select experiment, version, algorithm_names, weights, since
     from experiment_version
     order by experiment, version`,
  )
  const byExperiment = Map.groupBy(versions.rows, ({ experiment }) => experiment)
  return experiments.rows.map((row) => ({
    ...{ name: row.name, unit: row.unit, kinds: row.kinds, seed: row.seed, description: row.description },
    startsAt: row.starts_at.getTime(),
    endsAt: row.ends_at?.getTime(),
    versions: (byExperiment.get(row.name) ?? []).map(({ version, since, algorithm_names: names, weights }) => ({
      version,
      since: since.getTime(),
      arms: names.map((algorithm, place) => ({ algorithm, weight: weights[place] ?? 0 })),
    })),
  }))
}

/** What can not be done, in words. */
export interface Refused {
  readonly problems: readonly string[]
}

export function isRefused(outcome: Experiment | Refused): outcome is Refused {
  return 'problems' in outcome
}

const sameName = (name: string, { name: other }: Experiment): boolean => name.toLowerCase() === other.toLowerCase()

interface Known {
  readonly client: pg.ClientBase
  readonly experiments: readonly Experiment[]
  /** By the database. */
  readonly now: Instant
}

/** One change at a time: what is checked here stays true until it is committed. Reads go on. */
function changing(
  pool: pg.Pool,
  name: string,
  change: (known: Known) => Promise<Refused | undefined>,
): Promise<Experiment | Refused> {
  return inTransaction(pool, async (client) => {
    await client.query('lock table experiment in share row exclusive mode')
    const { rows } = await client.query<{ now: Date }>(`select date_trunc('milliseconds', clock_timestamp()) as now`)
    const known = { client, experiments: await readExperiments(client), now: rows[0]?.now.getTime() ?? 0 }
    const refused = await change(known)
    if (refused !== undefined) return refused
    const found = (await readExperiments(client)).find((one) => sameName(name, one))
    return found ?? { problems: [`there is no experiment ${name}`] }
  })
}

const time = (instant: Instant | undefined): string | null =>
  instant === undefined ? null : new Date(instant).toISOString()

export function createExperiment(pool: pg.Pool, draft: ExperimentDraft, actor: string): Promise<Experiment | Refused> {
  return changing(pool, draft.name, async ({ client, experiments, now }) => {
    const problems = experimentProblems(draft, now)
    const startsAt = draft.startsAt ?? now
    if (experiments.some((one) => sameName(draft.name, one))) {
      problems.push(`there is an experiment ${draft.name} already; names are never used twice`)
    }
    const other = overlapping(experiments, draft, startsAt)
    if (other !== undefined) {
      const until = other.endsAt === undefined ? 'with no end' : `until ${time(other.endsAt)}`
      const kinds = other.kinds.filter((kind) => draft.kinds.includes(kind)).join(', ')
      problems.push(`${other.name} decides about ${kinds} from ${time(other.startsAt)} ${until}; one at a time can`)
    }
    if (problems.length > 0) return { problems }
    await client.query(
      `insert into experiment (name, unit, kinds, seed, description, starts_at, ends_at, created_by)
       values ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [draft.name, draft.unit, draft.kinds, draft.seed, draft.description, time(startsAt), time(draft.endsAt), actor],
    )
    await addVersion(client, { experiment: draft.name, version: 1, arms: draft.arms, since: now, actor })
    return undefined
  })
}

interface NewVersion {
  readonly experiment: string
  readonly version: number
  readonly arms: readonly Arm[]
  readonly since: Instant
  readonly actor: string
}

async function addVersion(client: pg.ClientBase, { experiment, version, arms, since, actor }: NewVersion) {
  await client.query(
    `insert into experiment_version (experiment, version, algorithm_names, weights, since, created_by)
     values ($1, $2, $3, $4, $5, $6)`,
    [experiment, version, arms.map(({ algorithm }) => algorithm), arms.map(({ weight }) => weight), time(since), actor],
  )
}

/** Other arms or weights from now on. */
export function reweighExperiment(
  pool: pg.Pool,
  name: string,
  { arms, actor }: Pick<NewVersion, 'arms' | 'actor'>,
): Promise<Experiment | Refused> {
  return changing(pool, name, async ({ client, experiments, now }) => {
    const experiment = experiments.find((one) => sameName(name, one))
    if (experiment === undefined) return undefined
    if (hasEnded(experiment, now)) return { problems: [`${experiment.name} has ended`] }
    const problems = armProblems(arms, experiment.kinds)
    if (problems.length > 0) return { problems }
    const version = experiment.versions.length + 1
    await addVersion(client, { experiment: experiment.name, version, arms, since: now, actor })
    return undefined
  })
}

/** `endsAt` undefined: at once. */
export function endExperiment(pool: pg.Pool, name: string, endsAt: Instant | undefined): Promise<Experiment | Refused> {
  return changing(pool, name, async ({ client, experiments, now }) => {
    const experiment = experiments.find((one) => sameName(name, one))
    if (experiment === undefined) return undefined
    if (hasEnded(experiment, now)) return { problems: [`${experiment.name} has ended`] }
    if (endsAt !== undefined && endsAt < now) return { problems: ['the end is in the past; without one it ends now'] }
    const until = { kinds: experiment.kinds, endsAt: endsAt ?? now }
    const others = experiments.filter((one) => one !== experiment)
    const other = overlapping(others, until, experiment.startsAt)
    if (other !== undefined) return { problems: [`${other.name} begins before that and decides about the same`] }
    // One that has not begun never does.
    const end = Math.max(endsAt ?? now, experiment.startsAt)
    await client.query('update experiment set ends_at = $2 where name = $1', [experiment.name, time(end)])
    return undefined
  })
}

function hasEnded({ endsAt }: Experiment, now: Instant): boolean {
  return endsAt !== undefined && endsAt <= now
}

export interface ArmCount {
  readonly experiment: string
  readonly version: number
  readonly algorithm: string
  readonly units: number
}

export async function countArms(pool: pg.Pool, experiments: readonly string[]): Promise<ArmCount[]> {
  const { rows } = await pool.query<ArmCount>(
    `select experiment, version, algorithm_name as algorithm, count(*)::float8 as units
     from experiment_assignment
     where experiment = any ($1)
     group by experiment, version, algorithm_name
     order by experiment, version, algorithm_name`,
    [experiments],
  )
  return rows
}

export interface RecordedUnit {
  readonly unit: Uuid
  readonly version: number
  readonly algorithm: string
  readonly assignedAt: Date
}

interface AssignmentRow {
  readonly part: number
  readonly unit_uuid: string
  readonly version: number
  readonly algorithm_name: string
  readonly assigned_at: Date
}

/** Every record of an experiment, in pages; units in one order, whoever reads. */
export async function* readAssignments(
  pool: pg.Pool,
  experiment: string,
  unitsPerPage = 10_000,
): AsyncGenerator<readonly RecordedUnit[]> {
  let after: AssignmentRow | undefined
  for (;;) {
    const { rows } = await pool.query<AssignmentRow>(
      `select part, unit_uuid, version, algorithm_name, assigned_at
       from experiment_assignment
       where (part, experiment, version, unit_uuid) > ($2, $1, $3, $4)
         and experiment = $1
       order by part, experiment, version, unit_uuid
       limit $5`,
      [experiment, after?.part ?? -1, after?.version ?? 0, after?.unit_uuid ?? noUnit, unitsPerPage],
    )
    const last = rows.at(-1)
    if (last === undefined) return
    yield rows.map((row) => ({
      ...{ unit: toUuid(row.unit_uuid), version: row.version },
      ...{ algorithm: row.algorithm_name, assignedAt: row.assigned_at },
    }))
    after = last
  }
}

const noUnit = '00000000-0000-0000-0000-000000000000'
