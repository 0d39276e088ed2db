import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Uuid } from '#domain/ids.ts'
import { type AnnouncedMap, closeMaps, indexMaps } from './mapping.ts'
import { id } from './test-book.ts'

const editions = ['E0', 'E1', 'E2', 'E3'].map(id)
const pages = 4

/**
 * Editions that agree: page n of one is page n of the other, but some announced maps leave pages out. So no two maps
 * contradict each other and every image can be foretold.
 */
const page = (edition: number, at: number): Uuid => id(`e${edition}p${at}`)
const maps = fc.array(
  fc
    .tuple(
      fc.nat(editions.length - 1),
      fc.nat(editions.length - 1),
      fc.uniqueArray(fc.nat(pages - 1), { minLength: 1 }),
    )
    .map(
      ([from, to, kept]): AnnouncedMap => ({
        from: editions[from] as Uuid,
        to: editions[to] as Uuid,
        pairs: kept.map((at) => ({ from: page(from, at), to: page(to, at) })),
      }),
    ),
  { maxLength: 6 },
)

function spell(announced: readonly AnnouncedMap[]): string[] {
  return closeMaps(announced)
    .flatMap(({ from, to, images }) => [...images].map(([one, other]) => `${from} ${one} ${to} ${other}`))
    .sort()
}

/** Is there a chain of announced pairs of this page between the two editions? By repeated joining, not by a walk. */
function areJoined(announced: readonly AnnouncedMap[], at: number): Map<Uuid, Set<Uuid>> {
  const joined = new Map(editions.map((edition) => [edition, new Set([edition])]))
  for (const { from, to, pairs } of announced) {
    if (!pairs.some((pair) => pair.from === page(editions.indexOf(from), at))) continue
    const both = new Set([...(joined.get(from) ?? []), ...(joined.get(to) ?? [])])
    for (const edition of both) joined.set(edition, both)
  }
  return joined
}

describe('closed container maps', () => {
  it('join exactly what chains of announced pairs join', () => {
    fc.assert(
      fc.property(maps, (announced) => {
        const mapping = indexMaps(closeMaps(announced))
        for (let at = 0; at < pages; at += 1) {
          const joined = areJoined(announced, at)
          for (const [from, source] of editions.entries()) {
            for (const [to, target] of editions.entries()) {
              const expected = joined.get(source)?.has(target) ? page(to, at) : undefined
              assert.equal(mapping.image(page(from, at), source, target), from === to ? page(from, at) : expected)
            }
          }
        }
      }),
    )
  })

  it('do not depend on the order of announcement, and closing them again adds nothing', () => {
    fc.assert(
      fc.property(maps, (announced) => {
        const closed = spell(announced)
        assert.deepEqual(spell([...announced].reverse()), closed)
        const again = closeMaps(announced).map(({ from, to, images }) => ({
          from,
          to,
          pairs: [...images].map(([one, other]) => ({ from: one, to: other })),
        }))
        assert.deepEqual(spell(again), closed)
      }),
    )
  })
})
