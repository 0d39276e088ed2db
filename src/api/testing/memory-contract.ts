import type { AlgorithmContract } from '#answers/contract/contract.ts'

/** The contract of a server on which nothing is ever due: every calculation is unknown. */
export function createMemoryContract(): AlgorithmContract {
  const nothing = async (): Promise<never[]> => []
  const allUnknown = async (updates: readonly unknown[]): Promise<boolean[]> => updates.map(() => false)
  return {
    fetchMatrixUpdates: nothing,
    matricesUpdated: allUnknown,
    fetchExerciseCalculations: nothing,
    updateExerciseCalculations: allUnknown,
    fetchClueCalculations: nothing,
    updateClueCalculations: allUnknown,
    readOrderings: async (requests) => requests.map(() => []),
    markUsed: async () => undefined,
  }
}
