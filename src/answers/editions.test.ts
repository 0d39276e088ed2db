import assert from 'node:assert/strict'
import { test } from 'node:test'
import { indexMaps } from '#choose/mapping.ts'
import { book, groupOf, id } from '#choose/test-book.ts'
import type { Uuid } from '#domain/ids.ts'
import { openEditions } from './editions.ts'

test('an edition is the same object until another edition is related to it or the maps are others', async () => {
  const books = new Map(
    ['E1', 'E2', 'E3'].map((name, at) => [id(name), book(name, { [`A${at}`]: { pool: [`x${at}`] } })]),
  )
  let mapping = indexMaps([])
  let sharing: readonly Uuid[] = [id('E1')]
  const editions = openEditions({
    ecosystem: async (ecosystem) => books.get(ecosystem),
    ecosystemsSharingGroups: async () => sharing,
    ecosystemsOfContainers: async () => new Map(),
    mapping: async () => mapping,
  })
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
