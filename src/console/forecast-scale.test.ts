import assert from 'node:assert/strict'
import { test } from 'node:test'
import { marksOf, placeOn, scaleAround, wholeScale } from './forecast-scale.ts'

const interval = (minimum: number, maximum: number, isReal = true) => ({ minimum, maximum, isReal })

test('the scale holds every known interval in an even number of tenths', () => {
  assert.deepEqual(scaleAround([interval(0.561, 0.578), interval(0.703, 0.718)]), { from: 0.4, to: 0.8 })
  assert.deepEqual(scaleAround([interval(0.2, 0.4), interval(0, 1, false)]), { from: 0.2, to: 0.4 })
  assert.deepEqual(scaleAround([interval(0, 1)]), wholeScale)
  assert.deepEqual(scaleAround([interval(0, 1, false)]), wholeScale)
})

test('it is never narrower than a fifth and never leaves 0…1', () => {
  assert.deepEqual(scaleAround([interval(0.64, 0.65)]), { from: 0.5, to: 0.7 })
  assert.deepEqual(scaleAround([interval(0.97, 0.99)]), { from: 0.8, to: 1 })
  assert.deepEqual(scaleAround([interval(1, 1)]), { from: 0.8, to: 1 })
  assert.deepEqual(scaleAround([interval(0, 0)]), { from: 0, to: 0.2 })
  assert.deepEqual(scaleAround([interval(0, 0.85)]), wholeScale)
  assert.deepEqual(scaleAround([interval(0.05, 1)]), wholeScale)
})

test('places are shares of the scale, held at its ends', () => {
  const scale = { from: 0.5, to: 0.9 }
  assert.deepEqual(
    [0.3, 0.5, 0.9, 1].map((share) => placeOn(scale, share)),
    [0, 0, 1, 1],
  )
  assert.equal(placeOn(wholeScale, 0.37), 0.37)
  assert.deepEqual(
    marksOf({ from: 0, to: 1 }).map(({ share }) => share),
    [0, 0.25, 0.5, 0.75, 1],
  )
})
