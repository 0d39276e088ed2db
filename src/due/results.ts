import type { Clue } from '#domain/clue.ts'
import type { Uuid } from '#domain/ids.ts'

/**
 * Results uploaded by remote algorithms, and the markers around a course's move to another ecosystem. Every write is an
 * upsert: repeating it is safe, the last one wins, and within one call the last item of a key wins.
 */
export interface Results {
  putPicks(kind: PickKind, picks: readonly PickResult[]): Promise<void>
  /** One answer per key, in order; `undefined` where nothing was uploaded. */
  readPicks(kind: PickKind, keys: readonly PickKey[]): Promise<(PickResult | undefined)[]>
  /** What any algorithm uploaded for these subjects; subjects without any are absent. */
  readAllPicks(kind: PickKind, subjects: readonly Uuid[]): Promise<Map<Uuid, PickResult[]>>
  putClues(kind: ClueKind, clues: readonly ClueResult[]): Promise<void>
  readClues(kind: ClueKind, keys: readonly ClueKey[]): Promise<(ClueResult | undefined)[]>
  /** Written after the event is stored and before its request is acknowledged; the first row of a key stays. */
  putPreparation(preparation: CoursePreparation): Promise<void>
  putEcosystemUpdates(updates: readonly CourseEcosystemUpdate[]): Promise<void>
  /** The preparation of that uuid within that course. */
  readPreparations(keys: readonly PreparationKey[]): Promise<(CoursePreparation | undefined)[]>
  /** Newest preparation and newest update of each course, by number. */
  readNewest(courses: readonly Uuid[]): Promise<NewestPreparation[]>
  markReady(preparations: readonly Uuid[]): Promise<void>
  readReady(preparations: readonly Uuid[]): Promise<ReadonlySet<Uuid>>
}

export type PickKind = 'pe' | 'spe' | 'worst_areas'
export type ClueKind = 'student' | 'teacher'

/** Names of algorithms compare without regard to case (api.md M9). */
export interface PickKey {
  readonly subject: Uuid
  readonly algorithm: string
}

export interface PickResult extends PickKey {
  readonly calculation: Uuid
  readonly matrix: Uuid
  readonly exercises: readonly Uuid[]
  readonly spyInfo: { readonly [key: string]: unknown }
}

export interface ClueKey {
  readonly subject: Uuid
  readonly bookContainer: Uuid
  readonly algorithm: string
}

export interface ClueResult extends ClueKey {
  readonly calculation: Uuid
  readonly clue: Clue
  readonly ecosystem: Uuid | undefined
}

export interface PreparationKey {
  readonly course: Uuid
  readonly preparation: Uuid
}

export interface CoursePreparation extends PreparationKey {
  readonly number: number
  readonly ecosystem: Uuid
}

export interface CourseEcosystemUpdate extends PreparationKey {
  readonly number: number
}

export interface NewestPreparation {
  readonly course: Uuid
  readonly prepared: CoursePreparation | undefined
  /** The newest update, with the preparation it names. */
  readonly updated: CoursePreparation | undefined
}
