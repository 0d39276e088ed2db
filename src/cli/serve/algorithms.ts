import { type InProcessAlgorithm, inProcess, type NamedModel } from '#answers/in-process.ts'
import type { LearnerThreads } from '#answers/learner-threads.ts'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { namedUuid } from '#domain/named-uuid.ts'
import type { NamedMatrix } from '#due/matrix-store.ts'
import { localQuery } from '#estimate/local-query/algorithm.ts'
import { sparfa } from '#estimate/sparfa/algorithm.ts'
import type { SparfaMatrix } from '#estimate/sparfa/matrix.ts'
import type { AlgorithmName } from './options.ts'

/*
 * The algorithms of this process with the place where each finds its models. SPARFA learns matrices; local_query has
 * nothing to learn, only a seed that shuffles the exercises of each ecosystem.
 */
const localQueryModels = toUuid('6d1c6a55-52a7-5a4e-8f0c-6b41d2f3a7c2')

export function openAlgorithms(
  names: readonly AlgorithmName[],
  matrixOf: (ecosystem: Uuid) => Promise<NamedMatrix | undefined>,
  threads?: LearnerThreads,
): InProcessAlgorithm[] {
  return names.map((name) => {
    if (name === 'local_query') {
      return inProcess(localQuery, async (ecosystem) => {
        const uuid = namedUuid(localQueryModels, ecosystem)
        return { uuid, model: { seed: Number.parseInt(uuid.slice(0, 8), 16) } }
      })
    }
    const modelOf = async (ecosystem: Uuid): Promise<NamedModel<SparfaMatrix> | undefined> => {
      const named = await matrixOf(ecosystem)
      return named && { uuid: named.uuid, model: named.matrix }
    }
    return inProcess(sparfa, modelOf, threads && ((named, answers) => threads.know(named, answers)))
  })
}
