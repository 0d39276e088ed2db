import type { MatrixUpdates } from '#due/matrix-updates.ts'
import type { SubmittedClues } from '#due/submitted-clues.ts'
import type { SubmittedOrderings } from '#due/submitted-orderings.ts'
import type { WorkStates } from '#due/work-states.ts'
import type { LearningReader } from '#learning/reader.ts'
import type { KeptViews } from '../kept-views.ts'
import { fetchClueCalculations, updateClueCalculations } from './clue-work.ts'
import type { AlgorithmContract } from './contract.ts'
import { fetchExerciseCalculations, readOrderings, updateExerciseCalculations } from './exercise-work.ts'
import { fetchMatrixUpdates, matricesUpdated } from './matrix-work.ts'
import { type CourseWalk, openCourseWalk } from './walk.ts'

/** What the algorithm contract of one process is made from. */
export interface ContractPorts extends ContractStores, KeptViews {
  readonly reader: LearningReader
  readonly walk: CourseWalk
  readonly clock: { now(): number }
  readonly matrixIntervalMs: number
}

export interface ContractStores {
  readonly states: WorkStates
  readonly orderings: SubmittedOrderings
  readonly clues: SubmittedClues
  readonly matrixUpdates: MatrixUpdates
}

export interface ContractOptions extends ContractStores {
  readonly reader: LearningReader
  readonly views: KeptViews
  readonly clock: { now(): number }
  /** Text that differs once learning has applied anything more. */
  progress(): Promise<string>
  /** Least time between two matrix updates of an ecosystem. */
  readonly matrixIntervalMs: number
}

export function openAlgorithmContract(options: ContractOptions): AlgorithmContract {
  const { views } = options
  const ports: ContractPorts = {
    ...options,
    ...views,
    walk: openCourseWalk({ ...options, editions: views.editions }),
  }
  return {
    fetchMatrixUpdates: (algorithm) => fetchMatrixUpdates(ports, algorithm.toLowerCase()),
    matricesUpdated: (updates) => matricesUpdated(ports, updates),
    fetchExerciseCalculations: (algorithm) => fetchExerciseCalculations(ports, algorithm.toLowerCase()),
    updateExerciseCalculations: (updates) => updateExerciseCalculations(ports, updates),
    fetchClueCalculations: (algorithm) => fetchClueCalculations(ports, algorithm.toLowerCase()),
    updateClueCalculations: (updates) => updateClueCalculations(ports, updates),
    readOrderings: (requests) => readOrderings(ports, requests),
    markUsed: (results) => ports.orderings.markUsed(results),
  }
}
