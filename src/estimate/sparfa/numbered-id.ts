/** Ids for data that has numbers only: planted answers, public data sets. */
import { toUuid, type Uuid } from '#domain/ids.ts'

const variants = { question: '8001', concept: '8002', learner: '8003', unknown: '8004' } as const

export function numberedId(kind: keyof typeof variants, index: number): Uuid {
  return toUuid(`00000000-0000-4000-${variants[kind]}-${index.toString(16).padStart(12, '0')}`)
}
