import type { Uuid } from './ids.ts'

/** One pool: exercises attached to a container for some uses (api.md §6.1). */
export interface Pool {
  readonly useForClue: boolean
  readonly assignmentTypes: readonly string[]
  readonly exercises: readonly Uuid[]
}

/** Book, unit, chapter or page. A page is a container that is nobody's parent. */
export interface BookContainer {
  readonly uuid: Uuid
  readonly parent: Uuid | undefined
  readonly pools: readonly Pool[]
}

export interface Exercise {
  readonly uuid: Uuid
  /** Identity across versions; the "question" of SPARFA. */
  readonly group: Uuid
  readonly version: number
}

/** An immutable book edition: containers in book order, exercises in listed order without duplicates. */
export interface Ecosystem {
  readonly uuid: Uuid
  readonly containers: readonly BookContainer[]
  readonly exercises: readonly Exercise[]
}
