import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ContainerMap } from '#domain/student.ts'
import { closeMaps, indexMaps } from './mapping.ts'
import { id, ids, nameOf, numbered } from './test-book.ts'

function announce(from: string, to: string, pairs: Readonly<Record<string, string>>) {
  const spelt = Object.entries(pairs).map(([one, other]) => ({ from: id(one), to: id(other) }))
  return { from: id(from), to: id(to), pairs: spelt }
}

/** Spelt `A.a1→B.b1`, sorted. */
function spell(maps: readonly ContainerMap[]): string[] {
  return maps
    .flatMap(({ from, to, images }) =>
      [...images].map(([one, other]) => `${nameOf(from)}.${nameOf(one)}→${nameOf(to)}.${nameOf(other)}`),
    )
    .sort()
}

const sameNumber = (from: string, to: string, count: number) =>
  announce(
    from.toUpperCase(),
    to.toUpperCase(),
    Object.fromEntries(numbered(from, count).map((name, at) => [name, `${to}${at + 1}`])),
  )

describe('container maps (scheduler.md §10)', () => {
  it('10: containers merged into one have no way back', () => {
    const maps = closeMaps([announce('E1', 'E2', { a1: 'b1', a2: 'b1' })])
    assert.deepEqual(spell(maps), ['E1.a1→E2.b1', 'E1.a2→E2.b1'])
    const sources = indexMaps(maps).preimages(id('b1'), id('E2'))
    assert.deepEqual(
      sources.map(({ container }) => nameOf(container)),
      ['a1', 'a2'],
    )
  })

  it('11: n pairs give 2n mappings', () => {
    assert.equal(spell(closeMaps([sameNumber('a', 'b', 7)])).length, 14)
  })

  it('12 [B]: with chains before and behind, every edition maps to every other', () => {
    const before = [sameNumber('x', 'a', 3), sameNumber('b', 'y', 3)]
    const maps = spell(closeMaps([...before, sameNumber('a', 'b', 3)]))
    const editions = ['a', 'b', 'x', 'y']
    const all = editions.flatMap((from) =>
      editions.filter((to) => to !== from).flatMap((to) => [1, 2, 3].map((at) => spellPair(from, to, at))),
    )
    assert.deepEqual(maps, all.sort())
    assert.deepEqual(spell(closeMaps([sameNumber('a', 'b', 3), ...before])), all)
  })

  it('a merge on the way lets images through forwards only', () => {
    const maps = closeMaps([announce('E1', 'E2', { a1: 'b1', a2: 'b1' }), announce('E2', 'E3', { b1: 'c1' })])
    assert.deepEqual(spell(maps), [
      'E1.a1→E2.b1',
      'E1.a1→E3.c1',
      'E1.a2→E2.b1',
      'E1.a2→E3.c1',
      'E2.b1→E3.c1',
      'E3.c1→E2.b1',
    ])
  })

  it('a pair announced twice keeps its first image, and an edition never maps to itself', () => {
    const maps = closeMaps([
      announce('E1', 'E2', { a: 'b' }),
      announce('E1', 'E2', { a: 'c' }),
      announce('E1', 'E1', { a: 'd' }),
    ])
    assert.deepEqual(spell(maps), ['E1.a→E2.b', 'E2.b→E1.a'])
  })

  it('a container is its own image, and an unmapped one has none', () => {
    const mapping = indexMaps(closeMaps([announce('E1', 'E2', { a: 'b' })]))
    const [e1, e2, a, b, lost] = ids('E1', 'E2', 'a', 'b', 'lost') as [never, never, never, never, never]
    assert.equal(mapping.image(a, e1, e2), b)
    assert.equal(mapping.image(b, e2, e1), a)
    assert.equal(mapping.image(a, e1, e1), a)
    assert.equal(mapping.image(lost, e1, e2), undefined)
    assert.deepEqual(mapping.preimages(lost, e2), [])
  })
})

function spellPair(from: string, to: string, at: number): string {
  return `${from.toUpperCase()}.${from}${at}→${to.toUpperCase()}.${to}${at}`
}
