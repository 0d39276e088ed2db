import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Uuid } from '#domain/ids.ts'
import { indexEcosystem, type PoolExercise, poolFor } from './ecosystem-index.ts'
import { book, id, ids, nameOf } from './test-book.ts'

const names = (exercises: readonly PoolExercise[] | undefined) => exercises?.map(({ uuid }) => nameOf(uuid))
const spell = (uuids: Iterable<Uuid> | undefined) => [...(uuids ?? [])].map(nameOf)

describe('ecosystem index', () => {
  const index = indexEcosystem(
    book('E1', {
      book: { parent: 'E1' },
      unit: { parent: 'book' },
      chapter: { parent: 'unit', pools: [{ clue: true, types: [], exercises: ['own'] }] },
      a: { parent: 'chapter', pool: ['a1', 'a1.v2', 'both'] },
      b: { parent: 'unit', pool: ['b1', 'both'] },
      c: { parent: 'book', pools: [{ clue: false, types: ['reading'], exercises: ['c1'] }] },
    }),
  )

  it('knows the tree, with pages as containers that are nobody’s parent', () => {
    assert.deepEqual(spell(index.pages), ['a', 'b', 'c'])
    assert.equal(index.parentOf.get(id('book')), undefined)
    assert.equal(index.parentOf.get(id('a')), id('chapter'))
    assert.deepEqual(spell(index.childrenOf.get(id('unit'))), ['chapter', 'b'])
  })

  it('derives CLUE pools from the tree where the client sent none, and keeps those that it sent', () => {
    assert.deepEqual(names(index.cluePools.get(id('chapter'))), ['own'])
    assert.deepEqual(names(index.cluePools.get(id('unit'))), ['own', 'b1', 'both'])
    assert.deepEqual(names(index.cluePools.get(id('book'))), ['own', 'b1', 'both'])
    assert.equal(index.cluePools.has(id('c')), false)
    assert.deepEqual(spell(index.derivedCluePools), ['book', 'unit'])
  })

  it('joins the pools of a container that serve an assignment type', () => {
    const pools = [
      { clue: false, types: ['reading', 'homework'], exercises: ['x', 'y'] },
      { clue: false, types: ['homework', 'homework'], exercises: ['y', 'z'] },
    ]
    const one = indexEcosystem(book('E2', { p: { pools } }))
    assert.deepEqual(names(poolFor(one, id('p'), 'homework')), ['x', 'y', 'z'])
    assert.deepEqual(names(poolFor(one, id('p'), 'reading')), ['x', 'y'])
    assert.deepEqual(names(poolFor(one, id('p'), 'practice')), [])
    assert.deepEqual(names(poolFor(one, id('elsewhere'), 'reading')), [])
  })

  it('knows the versions of a group, newest first, and where an exercise stands', () => {
    assert.deepEqual(names(index.groups.get(id('g:a1'))), ['a1.v2', 'a1'])
    assert.deepEqual(spell(index.containersOf.get(id('both'))), ['a', 'b'])
    assert.deepEqual(spell(index.containersOf.get(id('own'))), ['chapter'])
  })

  it('leaves out exercises that a pool lists but the book does not have', () => {
    const whole = book('E3', { p: { pool: ['x', 'ghost'] } })
    const damaged = indexEcosystem({ ...whole, exercises: whole.exercises.filter(({ uuid }) => uuid !== id('ghost')) })
    assert.deepEqual(names(poolFor(damaged, id('p'), 'reading')), ['x'])
    assert.deepEqual(names(damaged.cluePools.get(id('p'))), ['x'])
  })

  it('survives parents in a circle and a container listed twice', () => {
    const circle = indexEcosystem(
      book('E4', { p: { parent: 'q' }, q: { parent: 'p' }, r: { parent: 'q', pool: ['x'] } }),
    )
    assert.deepEqual(names(circle.cluePools.get(id('p'))), ['x'])
    assert.deepEqual(names(circle.cluePools.get(id('q'))), ['x'])
    const once = book('E5', { p: { pool: ['x'] } })
    const again = book('E5', { p: { pool: ['y'] } })
    const twice = indexEcosystem({
      uuid: once.uuid,
      containers: [...once.containers, ...again.containers],
      exercises: [...once.exercises, ...again.exercises],
    })
    assert.deepEqual(twice.containers, ids('p'))
    assert.deepEqual(names(twice.cluePools.get(id('p'))), ['x', 'y'])
  })
})
