import assert from 'node:assert/strict'
import { test } from 'node:test'
import { indexMaps, type Mapping } from '#choose/mapping.ts'
import { book, groupOf, id } from '#choose/test-book.ts'
import type { Ecosystem } from '#domain/ecosystem.ts'
import type { Uuid } from '#domain/ids.ts'
import { type Editions, openEditions } from './editions.ts'

/** Of these books, which are related as `now` says. */
function editionsOf(
  books: ReadonlyMap<Uuid, Ecosystem>,
  now: () => { readonly sharing: readonly Uuid[]; readonly mapping: Mapping },
): Editions {
  return openEditions({
    ecosystem: async (ecosystem) => books.get(ecosystem),
    ecosystemsSharingGroups: async () => now().sharing,
    ecosystemsOfContainers: async () => new Map(),
    mapping: async () => now().mapping,
  })
}

test('an edition is the same object until another edition is related to it or the maps are others', async () => {
  const books = new Map(
    ['E1', 'E2', 'E3'].map((name, at) => [id(name), book(name, { [`A${at}`]: { pool: [`x${at}`] } })]),
  )
  let mapping = indexMaps([])
  let sharing: readonly Uuid[] = [id('E1')]
  const editions = editionsOf(books, () => ({ sharing, mapping }))
  const first = await editions.edition(id('E1'))
  assert.equal(await editions.edition(id('E1')), first)
  sharing = [id('E1')]
  assert.equal(await editions.edition(id('E1')), first, 'looked up again, and nothing new')
  sharing = [id('E1'), id('E2')]
  const shared = await editions.edition(id('E1'))
  assert.equal(shared?.groupOf(id('x1')), groupOf(id('x1')))
  assert.equal(first?.groupOf(id('x1')), undefined)
  mapping = indexMaps([{ from: id('E3'), to: id('E1'), images: new Map([[id('A2'), id('A0')]]) }])
  const mapped = await editions.edition(id('E1'))
  assert.deepEqual(mapped?.related, [id('E1'), id('E2'), id('E3')])
  assert.equal(await editions.edition(id('E1')), mapped)
  assert.equal(await editions.edition(id('E4')), undefined)
})

test('a related book that arrives after the map that names it is taken in', async () => {
  const books = new Map([[id('E1'), book('E1', { A: { pool: ['x1'] } })]])
  const mapping = indexMaps([{ from: id('E2'), to: id('E1'), images: new Map([[id('B'), id('A')]]) }])
  let sharing: readonly Uuid[] = [id('E1')]
  const editions = editionsOf(books, () => ({ sharing, mapping }))
  const early = await editions.edition(id('E1'))
  assert.deepEqual(early?.related, [id('E1'), id('E2')])
  assert.equal(early?.groupOf(id('x2')), undefined)
  sharing = [id('E1')]
  assert.equal(await editions.edition(id('E1')), early, 'some other book came')
  books.set(id('E2'), book('E2', { B: { pool: ['x2'] } }))
  sharing = [id('E1'), id('E2')]
  const late = await editions.edition(id('E1'))
  assert.equal(late?.groupOf(id('x2')), groupOf(id('x2')))
  assert.equal(await editions.edition(id('E1')), late)
})
