import { LRUCache } from 'lru-cache'
import type pg from 'pg'
import type { AnnouncedMap } from '#choose/mapping.ts'
import type { Ecosystem } from '#domain/ecosystem.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { Instant } from '#domain/student.ts'
import { unpackEcosystem } from './pack-ecosystem.ts'
import { unpackPairs } from './write-ecosystem.ts'

/* Book editions, which never change and are therefore kept once parsed, and what leads from one to another. */
export interface EcosystemLine {
  readonly uuid: Uuid
  readonly createdAt: Instant
  readonly containers: number
  readonly exercises: number
  /** Answers given in this edition, and how many of them may train. */
  readonly answers: number
  readonly realAnswers: number
}

/** Some megabytes each once parsed; a platform has a few dozen editions in use. */
const ecosystemsMax = 64

export class EcosystemReader {
  readonly #pool: pg.Pool
  readonly #parts: number
  readonly #parsed = new LRUCache<Uuid, Ecosystem>({ max: ecosystemsMax })
  readonly #containers = new LRUCache<Uuid, Uuid>({ max: 100_000 })
  readonly #sharing = new LRUCache<Uuid, { readonly known: number; readonly ecosystems: readonly Uuid[] }>({
    max: 1000,
  })

  constructor(pool: pg.Pool, parts: number) {
    this.#pool = pool
    this.#parts = parts
  }

  async ecosystem(uuid: Uuid): Promise<Ecosystem | undefined> {
    const known = this.#parsed.get(uuid)
    if (known !== undefined) return known
    const found = await this.#pool.query<{ body: Buffer }>({
      name: 'learning_ecosystem',
      text: `
        select body
        from learning_ecosystem
        where part = $1
          and ecosystem = $2`,
      values: [partOf('ecosystem', uuid, this.#parts), uuid],
    })
    const row = found.rows[0]
    if (row === undefined) return undefined
    const ecosystem = unpackEcosystem(uuid, row.body)
    this.#parsed.set(uuid, ecosystem)
    return ecosystem
  }

  /** The first edition that listed the container keeps it (api.md §3.3). Absent: not listed by any. */
  async ecosystemsOfContainers(containers: readonly Uuid[]): Promise<Map<Uuid, Uuid>> {
    const unknown = [...new Set(containers)].filter((container) => !this.#containers.has(container))
    if (unknown.length > 0) await this.#findContainers(unknown)
    const found = containers.flatMap((container): [Uuid, Uuid][] => {
      const ecosystem = this.#containers.get(container)
      return ecosystem === undefined ? [] : [[container, ecosystem]]
    })
    return new Map(found)
  }

  async #findContainers(containers: readonly Uuid[]): Promise<void> {
    const found = await this.#pool.query<{ container: string; ecosystem: string }>({
      name: 'learning_ecosystems_of_containers',
      text: `
        select asked.container, first.ecosystem
        from unnest($1::uuid[]) as asked (container)
        cross join lateral (
          select listed.ecosystem
          from learning_book_container as listed
          join learning_ecosystem as edition using (part, ecosystem)
          where listed.container = asked.container
          order by edition.created_at, listed.ecosystem
          limit 1
        ) as first`,
      values: [containers],
    })
    for (const row of found.rows) this.#containers.set(toUuid(row.container), toUuid(row.ecosystem))
  }

  /** All editions, newest first. */
  async lines(): Promise<EcosystemLine[]> {
    const found = await this.#pool.query<{
      ecosystem: string
      created_at: Date
      containers: number
      exercises: number
      answers: number
      real_answers: number
    }>(
      `select edition.ecosystem, created_at, containers, exercises,
         coalesce(sum(answers), 0)::float8 as answers, coalesce(sum(real_answers), 0)::float8 as real_answers
       from learning_ecosystem as edition
       left join learning_activity as activity on activity.ecosystem = edition.ecosystem
       group by edition.part, edition.ecosystem
       order by created_at desc, edition.ecosystem`,
    )
    return found.rows.map((row) => ({
      uuid: toUuid(row.ecosystem),
      createdAt: row.created_at.getTime(),
      containers: row.containers,
      exercises: row.exercises,
      answers: row.answers,
      realAnswers: row.real_answers,
    }))
  }

  /**
   * Editions with an exercise group in common with this one, itself included; found again when there are more editions.
   */
  async sharing(ecosystem: Uuid, editions: number): Promise<readonly Uuid[]> {
    const known = this.#sharing.get(ecosystem)
    if (known?.known === editions) return known.ecosystems
    const found = await this.#pool.query<{ ecosystem: string }>(
      `select distinct other.ecosystem
       from learning_exercise_group as own
       join learning_exercise_group as other using (exercise_group)
       where own.part = $1
         and own.ecosystem = $2
       order by other.ecosystem`,
      [partOf('ecosystem', ecosystem, this.#parts), ecosystem],
    )
    const ecosystems = found.rows.map((row) => toUuid(row.ecosystem))
    this.#sharing.set(ecosystem, { known: editions, ecosystems })
    return ecosystems
  }

  /** Editions that have one of these exercise groups. */
  async ofGroups(groups: readonly Uuid[]): Promise<Map<Uuid, Uuid[]>> {
    const found = await this.#pool.query<{ exercise_group: string; ecosystem: string }>({
      name: 'learning_ecosystems_of_groups',
      text: `
        select stored.*
        from unnest($1::uuid[]) as asked (exercise_group)
        cross join lateral (
          select exercise_group, ecosystem
          from learning_exercise_group
          where exercise_group = asked.exercise_group
          order by part, ecosystem
        ) as stored`,
      values: [groups],
    })
    const byGroup = Map.groupBy(found.rows, (row) => toUuid(row.exercise_group))
    return new Map([...byGroup].map(([group, rows]) => [group, rows.map((row) => toUuid(row.ecosystem))]))
  }

  async all(): Promise<Uuid[]> {
    const found = await this.#pool.query<{ ecosystem: string }>(
      'select ecosystem from learning_ecosystem order by part, ecosystem',
    )
    return found.rows.map((row) => toUuid(row.ecosystem))
  }

  async count(): Promise<number> {
    const found = await this.#pool.query<{ count: number }>('select count(*)::int as count from learning_ecosystem')
    return found.rows[0]?.count ?? 0
  }

  /** All maps announced until then, in the order of their first announcement. */
  async announcedMaps(until: Instant = Number.POSITIVE_INFINITY): Promise<AnnouncedMap[]> {
    const found = await this.#pool.query<{ from_ecosystem: string; to_ecosystem: string; body: Buffer }>(
      `select from_ecosystem, to_ecosystem, body
       from (
         select distinct on (from_ecosystem, to_ecosystem, digest)
           from_ecosystem, to_ecosystem, digest, announced_at, body
         from learning_container_map
         where announced_at <= $1
         order by from_ecosystem, to_ecosystem, digest, announced_at
       ) as announced
       order by announced_at, from_ecosystem, to_ecosystem, digest`,
      [Number.isFinite(until) ? new Date(until) : 'infinity'],
    )
    return found.rows.map((row) => ({
      from: toUuid(row.from_ecosystem),
      to: toUuid(row.to_ecosystem),
      pairs: unpackPairs(row.body),
    }))
  }

  /** Changes when a map is announced that was not known in that part. */
  async mapsVersion(): Promise<string> {
    const found = await this.#pool.query<{ version: string }>(
      `select count(*) || ' ' || coalesce(max(announced_at)::text, '') as version from learning_container_map`,
    )
    return found.rows[0]?.version ?? ''
  }
}
