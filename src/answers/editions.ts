import { LRUCache } from 'lru-cache'
import { type CluePools, cluePoolsOf } from '#choose/clue-pools.ts'
import { type EcosystemIndex, indexEcosystem } from '#choose/ecosystem-index.ts'
import type { GroupOf } from '#choose/exclusions.ts'
import type { Mapping } from '#choose/mapping.ts'
import type { Uuid } from '#domain/ids.ts'
import type { LearningReader } from '#learning/reader.ts'

/*
 * A book edition with everything that rules need to look up, and the editions it is related to by shared exercise
 * groups. Editions never change; only the relations between them do, so what is derived is kept until those move.
 */
export interface Edition {
  readonly ecosystem: Uuid
  readonly index: EcosystemIndex
  readonly pools: CluePools
  readonly mapping: Mapping
  /** Editions that share exercise groups with this one or map into it, itself included. */
  readonly related: readonly Uuid[]
  /** Of this one and of the related ones that have arrived. */
  readonly indexes: ReadonlyMap<Uuid, EcosystemIndex>
  /** The group of an exercise of this edition or of a related one. */
  readonly groupOf: GroupOf
}

export interface Editions {
  /** `undefined` until the book has arrived. */
  edition(ecosystem: Uuid): Promise<Edition | undefined>
  ecosystemsOfContainers(containers: readonly Uuid[]): Promise<Map<Uuid, Uuid>>
}

type EditionReader = Pick<
  LearningReader,
  'ecosystem' | 'ecosystemsSharingGroups' | 'ecosystemsOfContainers' | 'mapping'
>

interface Kept {
  readonly mapping: Mapping
  readonly sharing: readonly Uuid[]
  /** The related ones whose books have arrived. */
  readonly others: ReadonlyMap<Uuid, EcosystemIndex>
  readonly edition: Edition
}

export function openEditions(reader: EditionReader): Editions {
  const indexes = new LRUCache<Uuid, EcosystemIndex>({ max: 64 })
  const kept = new LRUCache<Uuid, Kept>({ max: 64 })

  async function indexOf(ecosystem: Uuid): Promise<EcosystemIndex | undefined> {
    const known = indexes.get(ecosystem)
    if (known !== undefined) return known
    const parsed = await reader.ecosystem(ecosystem)
    if (parsed === undefined) return undefined
    const index = indexEcosystem(parsed)
    indexes.set(ecosystem, index)
    return index
  }

  /** Maps may name books that have not arrived. */
  async function arrived(ecosystems: readonly Uuid[]): Promise<Map<Uuid, EcosystemIndex>> {
    const found = new Map<Uuid, EcosystemIndex>()
    for (const ecosystem of ecosystems) {
      const index = await indexOf(ecosystem)
      if (index !== undefined) found.set(ecosystem, index)
    }
    return found
  }

  function build(
    index: EcosystemIndex,
    { related, others, mapping }: Pick<Kept, 'others' | 'mapping'> & Pick<Edition, 'related'>,
  ): Edition {
    const all = [index, ...others.values()]
    return {
      ecosystem: index.ecosystem,
      index,
      pools: cluePoolsOf(index, others, mapping),
      mapping,
      related,
      indexes: new Map([[index.ecosystem, index], ...others]),
      groupOf: (exercise) => {
        for (const one of all) {
          const found = one.exercises.get(exercise)
          if (found !== undefined) return found.group
        }
        return undefined
      },
    }
  }

  return {
    edition: async (ecosystem) => {
      const index = await indexOf(ecosystem)
      if (index === undefined) return undefined
      const [mapping, sharing] = await Promise.all([reader.mapping(), reader.ecosystemsSharingGroups(ecosystem)])
      const before = kept.get(ecosystem)
      // Both are the same objects until something comes: most often there is nothing to compare.
      if (before?.mapping === mapping && before.sharing === sharing) return before.edition
      const related = [...new Set([...sharing, ...mappedInto(index, mapping)])]
      const others = await arrived(related.filter((other) => other !== index.ecosystem))
      const isCurrent =
        before?.mapping === mapping &&
        before.edition.related.length === related.length &&
        before.others.size === others.size
      const edition = isCurrent ? before.edition : build(index, { related, others, mapping })
      kept.set(ecosystem, { mapping, sharing, others, edition })
      return edition
    },
    ecosystemsOfContainers: (containers) => reader.ecosystemsOfContainers(containers),
  }
}

/** Editions from which some container leads into this one. */
function mappedInto(index: EcosystemIndex, mapping: Mapping): Set<Uuid> {
  const sources = new Set<Uuid>()
  for (const container of index.containers) {
    for (const { ecosystem } of mapping.preimages(container, index.ecosystem)) sources.add(ecosystem)
  }
  return sources
}
