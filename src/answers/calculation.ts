import { toUuid, type Uuid } from '#domain/ids.ts'
import { namedUuid } from '#domain/named-uuid.ts'

const namespace = toUuid('2f4c9f4e-6f0b-5c1e-9d53-0b7f6b1f5a01')

/** What a calculation at read time depends on (design D24); the same inputs are the same calculation. */
export interface CalculationInputs {
  readonly algorithm: string
  readonly kind: 'student_clue' | 'teacher_clue' | 'pe' | 'spe' | 'worst_areas'
  readonly subject: Uuid
  readonly container: Uuid | undefined
  readonly matrix: Uuid
  readonly position: number
  /** Calculations of others that this one keeps clear of; most have none. */
  readonly beside?: readonly Uuid[]
}

export function calculationUuid(inputs: CalculationInputs): Uuid {
  const { algorithm, kind, subject, container, matrix, position, beside = [] } = inputs
  return namedUuid(namespace, [algorithm, kind, subject, container ?? '', matrix, position, ...beside].join(' '))
}
