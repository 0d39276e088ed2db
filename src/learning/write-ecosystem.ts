import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { Ecosystem } from '#domain/ecosystem.ts'
import { ByteReader, ByteWriter } from './bytes.ts'
import type { MapChange } from './fold.ts'
import { packEcosystem } from './pack-ecosystem.ts'
import type { AnnouncedPairs } from './parse-event.ts'

/*
 * Book editions and the maps between them. Editions are immutable: the first `create_ecosystem` of a stream counts and
 * a repeat changes nothing.
 */
export interface CreatedEcosystem {
  readonly part: number
  readonly ecosystem: Ecosystem
  readonly createdAt: Date
}

/** One edition at a time: it may be some megabytes, and there are a few a day. */
export async function writeEcosystem(client: pg.ClientBase, created: CreatedEcosystem): Promise<void> {
  const { part, ecosystem, createdAt } = created
  const inserted = await client.query({
    name: 'learning_write_ecosystem',
    text: `
      insert into learning_ecosystem (part, ecosystem, created_at, containers, exercises, body)
      values ($1, $2, $3, $4, $5, $6)
      on conflict do nothing`,
    values: [
      part,
      ecosystem.uuid,
      createdAt,
      ecosystem.containers.length,
      ecosystem.exercises.length,
      packEcosystem(ecosystem),
    ],
  })
  if (inserted.rowCount === 0) return
  await client.query({
    name: 'learning_write_book_containers',
    text: `
      insert into learning_book_container (part, ecosystem, container)
      select distinct $1::smallint, $2::uuid, container
      from unnest($3::uuid[]) as given (container)`,
    values: [part, ecosystem.uuid, ecosystem.containers.map(({ uuid }) => uuid)],
  })
  await client.query({
    name: 'learning_write_exercise_groups',
    text: `
      insert into learning_exercise_group (part, ecosystem, exercise_group)
      select distinct $1::smallint, $2::uuid, exercise_group
      from unnest($3::uuid[]) as given (exercise_group)`,
    values: [part, ecosystem.uuid, ecosystem.exercises.map(({ group }) => group)],
  })
}

/** The same map announced by many courses is one row per part, with the time of its first announcement. */
export async function writeMaps(client: pg.ClientBase, changes: readonly MapChange[]): Promise<void> {
  for (const { part, map, announcedAt } of changes) {
    const body = packPairs(map)
    await client.query({
      name: 'learning_write_container_map',
      text: `
        insert into learning_container_map as stored (part, from_ecosystem, to_ecosystem, digest, announced_at, body)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (part, from_ecosystem, to_ecosystem, digest) do update set
          announced_at = excluded.announced_at
        where stored.announced_at > excluded.announced_at`,
      values: [part, map.from, map.to, createHash('sha256').update(body).digest(), announcedAt, body],
    })
  }
}

function packPairs(map: AnnouncedPairs): Buffer {
  const bytes = new ByteWriter()
  bytes.count(map.pairs.length)
  for (const pair of map.pairs) {
    bytes.uuid(pair.from)
    bytes.uuid(pair.to)
  }
  return bytes.finish()
}

export function unpackPairs(body: Buffer): AnnouncedPairs['pairs'] {
  const bytes = new ByteReader(body)
  return bytes.list(() => ({ from: bytes.uuid(), to: bytes.uuid() }))
}
