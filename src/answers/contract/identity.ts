import { toUuid, type Uuid } from '#domain/ids.ts'
import { namedUuid } from '#domain/named-uuid.ts'

/*
 * Names of work and results. Each is made from everything it depends on: as long as that is the same, so is the uuid; a
 * uuid that is not the current one is superseded or never was.
 */
const calculations = toUuid('c8a1de0e-9d57-5c9b-8a0d-3f7a3c6b1d42')
const results = toUuid('5b8a4f0e-12c6-5b53-9f6e-7f2d8f0c9ab1')

/** Stands for "any student": its order of exercises serves students without one of their own. */
export const defaultStudent = toUuid('00000000-0000-0000-0000-000000000000')

/**
 * `position`: number of the student's newest answer. The default student has the ecosystem's uuid (scheduler.md §2.1).
 */
export function exerciseCalculation(student: Uuid, ecosystem: Uuid, position: number): Uuid {
  if (student === defaultStudent) return ecosystem
  return namedUuid(calculations, `exercises ${student} ${ecosystem} ${position}`)
}

export function clueCalculation(...dependencies: readonly string[]): Uuid {
  return namedUuid(calculations, dependencies.join(' '))
}

/** The same content submitted again is the same result. */
export function resultUuid(algorithm: string, calculation: Uuid, ...content: readonly unknown[]): Uuid {
  return namedUuid(results, `${algorithm.toLowerCase()} ${calculation} ${JSON.stringify(content)}`)
}
