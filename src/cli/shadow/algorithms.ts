import { InvalidArgumentError } from 'commander'
import type { InProcessAlgorithm } from '#answers/in-process.ts'
import { isUuid, toUuid, type Uuid } from '#domain/ids.ts'
import type { Instant } from '#domain/student.ts'
import type { MatrixStore, NamedMatrix } from '#due/matrix-store.ts'
import { openAlgorithms } from '../serve/algorithms.ts'
import { type AlgorithmName, algorithmNames } from '../serve/options.ts'

/*
 * An algorithm of this program, and which of its matrices it uses: the one that was in use at each moment, the newest
 * one, or a certain one. Only the first could have answered then; the others may have learnt from what came later.
 */
export interface ShadowAlgorithm {
  readonly label: string
  readonly name: AlgorithmName
  readonly matrix: 'then' | 'newest' | Uuid
}

/** NAME, NAME@newest or NAME@UUID. */
export function parseShadowAlgorithm(text: string): ShadowAlgorithm {
  const [name = '', matrix, ...rest] = text.toLowerCase().split('@')
  const known = algorithmNames.find((one) => one === name)
  if (known === undefined || rest.length > 0) {
    throw new InvalidArgumentError(
      `"${text}" is no algorithm of this program (${algorithmNames.join(', ')}); results of remote algorithms have no ` +
        'history, replay those yourself with as_of (docs/research.md).',
    )
  }
  if (matrix === undefined) return { label: known, name: known, matrix: 'then' }
  const isNamed = matrix === 'newest' || isUuid(matrix)
  if (known !== 'biglearn_sparfa' || !isNamed) {
    throw new InvalidArgumentError('write biglearn_sparfa@newest or biglearn_sparfa@UUID to choose a matrix.')
  }
  return { label: `${known}@${matrix.slice(0, 8)}`, name: known, matrix: matrix === 'newest' ? matrix : toUuid(matrix) }
}

type Matrices = Pick<MatrixStore, 'inUseAt' | 'current' | 'byUuid'>

export function openShadow({ name, matrix }: ShadowAlgorithm, matrices: Matrices, at: Instant): InProcessAlgorithm[] {
  const matrixOf = async (ecosystem: Uuid): Promise<NamedMatrix | undefined> => {
    if (matrix === 'then') return matrices.inUseAt(ecosystem, at)
    if (matrix === 'newest') return matrices.current(ecosystem)
    const named = await matrices.byUuid(matrix)
    return named?.ecosystem === ecosystem ? named : undefined
  }
  return openAlgorithms([name], matrixOf)
}
