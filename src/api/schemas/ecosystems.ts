import Type from 'typebox'
import { cnxIdentity, datetime, flag, nonNegativeInteger, optional, softArray, uuid } from './values.ts'

/** A pool may hold a whole book (M35); nulls inside come from old clients and are dropped. */
const pool = Type.Object({
  use_for_clue: flag,
  use_for_personalized_for_assignment_types: softArray(
    Type.String({ 'x-soft-limit': { minLength: 3, maxLength: 100 } }),
    0,
    20,
  ),
  exercise_uuids: softArray(Type.Union([uuid, Type.Null()]), 0, 500),
})

const bookContainer = Type.Object({
  container_uuid: uuid,
  container_parent_uuid: Type.Union([uuid, Type.Null()]),
  container_cnx_identity: Type.Optional(cnxIdentity),
  pools: softArray(pool, 0, 20),
})

const exercise = Type.Object({
  exercise_uuid: uuid,
  group_uuid: uuid,
  version: nonNegativeInteger,
  los: softArray(Type.String({ 'x-soft-limit': { minLength: 1, maxLength: 100 } }), 1, 100),
})

export const createEcosystemRequest = Type.Object({
  ecosystem_uuid: uuid,
  book: Type.Object({
    cnx_identity: optional(cnxIdentity),
    contents: softArray(bookContainer, 1, 500),
  }),
  exercises: softArray(exercise, 0, 10_000),
  imported_at: datetime,
})
export const createEcosystemResponse = Type.Object({ created_ecosystem_uuid: uuid })
