import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adadelta } from './adadelta.ts'
import { presets } from './presets.ts'
import { startingPoint } from './problem.ts'
import { softAdadelta } from './soft-adadelta.ts'
import { complete } from './stages.ts'
import { drawnShape, problemOfShape } from './test-problems.ts'

// The reference knows no concept offsets.
for (const preset of [presets.soft, presets['soft-strict']]) {
  test(`it goes where the reference form of Adadelta goes, ${preset.name}`, () => {
    for (let seed = 100; seed < 120; seed++) {
      const { problem, heldOut } = problemOfShape(drawnShape(seed), { ...preset, learnsOffsets: false })
      const start = startingPoint(problem, seed)
      const [ours, theirs] = [softAdadelta(problem, start), adadelta(problem, startingPoint(problem, seed))]
      for (let epoch = 0; epoch < 12; epoch++) for (const one of [ours, theirs]) complete(one.epoch(epoch))
      for (const key of ['weights', 'easiness', 'specific', 'general'] as const) {
        ours.point[key].forEach((value, at) => {
          assert.ok(Math.abs(value - theirs.point[key][at]!) < 1e-11, `seed ${seed}: ${key} ${at}`)
        })
      }
      if (heldOut.question.length === 0) continue
      const [loss, wanted] = [ours, theirs].map((one) => complete(one.meanLogLoss(one.rowsOf(heldOut))))
      assert.ok(Math.abs(loss! - wanted!) < 1e-11)
    }
  })
}

test('a prior without v is refused: a soft mask would have nothing to learn', () => {
  const preset = { ...presets.soft, penalties: { ...presets.soft.penalties, lamU: Number.POSITIVE_INFINITY } }
  const { problem } = problemOfShape(drawnShape(1), preset)
  assert.throws(() => softAdadelta(problem, startingPoint(problem)), RangeError)
})
