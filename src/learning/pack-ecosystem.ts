import type { Ecosystem, Pool } from '#domain/ecosystem.ts'
import type { Uuid } from '#domain/ids.ts'
import { ByteReader, ByteWriter } from './bytes.ts'

/*
 * A book edition without its own uuid: layout number, a table of all exercise uuids, then exercises and containers.
 * Pools name exercises by their place in the table (4 bytes instead of 16): books list each exercise in several pools.
 */
const layout = 1

export function packEcosystem(ecosystem: Omit<Ecosystem, 'uuid'>): Buffer {
  const places = new Map<Uuid, number>()
  for (const { uuid } of ecosystem.exercises) placeOf(places, uuid)
  const pools = ecosystem.containers.flatMap((container) => container.pools)
  for (const pool of pools) for (const uuid of pool.exercises) placeOf(places, uuid)

  const bytes = new ByteWriter()
  bytes.byte(layout)
  bytes.uuids([...places.keys()])
  bytes.count(ecosystem.exercises.length)
  for (const exercise of ecosystem.exercises) {
    bytes.count(placeOf(places, exercise.uuid))
    bytes.uuid(exercise.group)
    bytes.count(exercise.version)
  }
  bytes.count(ecosystem.containers.length)
  for (const { uuid, parent, pools } of ecosystem.containers) {
    bytes.uuid(uuid)
    bytes.uuids(parent === undefined ? [] : [parent])
    bytes.count(pools.length)
    for (const pool of pools) packPool(bytes, pool, places)
  }
  return bytes.finish()
}

export function unpackEcosystem(uuid: Uuid, body: Buffer): Ecosystem {
  const bytes = new ByteReader(body)
  const found = bytes.byte()
  if (found !== layout) throw new RangeError(`ecosystem ${uuid} has the unknown layout ${found}`)
  const table = bytes.uuids()
  const exerciseAt = (place: number): Uuid => {
    const exercise = table[place]
    if (exercise === undefined) throw new RangeError(`ecosystem ${uuid} names exercise ${place} of ${table.length}`)
    return exercise
  }
  const exercises = bytes.list(() => ({
    uuid: exerciseAt(bytes.count()),
    group: bytes.uuid(),
    version: bytes.count(),
  }))
  const containers = bytes.list(() => ({
    uuid: bytes.uuid(),
    parent: bytes.uuids()[0],
    pools: bytes.list(() => ({
      useForClue: bytes.byte() === 1,
      assignmentTypes: bytes.list(() => bytes.text()),
      exercises: bytes.list(() => exerciseAt(bytes.count())),
    })),
  }))
  return { uuid, containers, exercises }
}

function packPool(bytes: ByteWriter, pool: Pool, places: Map<Uuid, number>): void {
  bytes.byte(pool.useForClue ? 1 : 0)
  bytes.count(pool.assignmentTypes.length)
  for (const type of pool.assignmentTypes) bytes.text(type)
  bytes.count(pool.exercises.length)
  for (const exercise of pool.exercises) bytes.count(placeOf(places, exercise))
}

function placeOf(places: Map<Uuid, number>, exercise: Uuid): number {
  const known = places.get(exercise)
  if (known !== undefined) return known
  places.set(exercise, places.size)
  return places.size - 1
}
