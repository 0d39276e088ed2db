import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { exerciseSlices } from './exercise-slices.ts'

const exercise = toUuid('00000000-0000-4000-8000-000000000001')
const row = (exercises: number) => ({ exercises: new Array<Uuid>(exercises).fill(exercise) })
const sizes = (...rows: number[]) =>
  exerciseSlices(rows.map(row)).map((slice) => slice.map((one) => one.exercises.length))

test('rows are cut in order, each slice as soon as it is full', () => {
  assert.deepEqual(sizes(), [])
  assert.deepEqual(sizes(20_000, 20_000, 20_000, 20_000), [[20_000, 20_000, 20_000], [20_000]])
  assert.deepEqual(sizes(100_000, 1, 100_000, 0), [[100_000], [1, 100_000], [0]])
})

test('rows without exercises count too', () => {
  assert.deepEqual(
    exerciseSlices(new Array(120_000).fill(row(0))).map((slice) => slice.length),
    [50_000, 50_000, 20_000],
  )
})
