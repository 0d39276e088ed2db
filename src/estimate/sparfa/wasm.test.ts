import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { fitMatrix } from './fit.ts'
import { storeMatrix } from './matrix.ts'
import { plant } from './planted.ts'
import type { Preset } from './presets.ts'
import { startingPoint } from './problem.ts'
import { softAdadelta } from './soft-adadelta.ts'
import { complete, runBlock } from './stages.ts'
import { awkwardShapes, drawnShape, type ProblemShape, presetsForKernels, problemOfShape } from './test-problems.ts'
import { variational } from './variational.ts'
import { bestKernel, requireKernel } from './wasm.ts'
import type { KernelName } from './workspace.ts'

const coordinates = ['weights', 'easiness', 'specific', 'general'] as const

/** Fingerprints of everything an optimiser has after some epochs; `order` is the order in which blocks are run. */
function fitted(shape: ProblemShape, preset: Preset, kernel: KernelName, order: 1 | -1 = 1): Record<string, string> {
  const { problem, heldOut } = problemOfShape(shape, preset)
  const make = preset.mask === 'hard' ? variational : softAdadelta
  const optimiser = make(problem, startingPoint(problem), kernel)
  for (let epoch = 0; epoch < 4; epoch++) {
    for (const stage of optimiser.epoch(epoch)) {
      const blocks = Array.from({ length: stage.blocks }, (_, block) => block)
      for (const block of order === 1 ? blocks : blocks.reverse()) runBlock(stage, block)
    }
  }
  const loss = complete(optimiser.meanLogLoss(optimiser.rowsOf(heldOut)))
  for (const key of coordinates) {
    assert.ok(optimiser.point[key].every(Number.isFinite), `${shape.name}, ${preset.name}: ${key} is not finite`)
  }
  const print = (numbers: Float64Array): string =>
    createHash('sha256').update(new Uint8Array(numbers.slice().buffer)).digest('hex')
  return {
    ...Object.fromEntries(coordinates.map((key) => [key, print(optimiser.point[key])])),
    loss: `${loss}`,
    lamG: `${optimiser.penalties.lamG}`,
  }
}

const shapes = [...awkwardShapes, ...Array.from({ length: 40 }, (_, seed) => drawnShape(seed))]

for (const preset of presetsForKernels) {
  test(`WebAssembly gives the same bits as plain code, ${preset.name}`, () => {
    assert.equal(bestKernel(), 'wasm', 'this engine has no WebAssembly to test')
    for (const shape of shapes) {
      assert.deepEqual(fitted(shape, preset, 'wasm'), fitted(shape, preset, 'plain'), shape.name)
    }
  })

  test(`blocks may be run in any order, ${preset.name}`, () => {
    const several = awkwardShapes.at(-1)!
    for (const kernel of ['plain', 'wasm'] as const) {
      assert.deepEqual(fitted(several, preset, kernel, -1), fitted(several, preset, kernel))
    }
  })
}

const planted = plant({
  questions: 60,
  concepts: 6,
  learners: 120,
  responses: 3000,
  seed: 8,
  secondHints: 0.4,
  sigmaSpecific: 0.7,
  sigmaGeneral: 0.7,
})

for (const preset of ['auto', 'hard', 'soft', 'soft-strict'] as const) {
  test(`the stored matrix is the same with both kernels, ${preset}`, () => {
    const [plain, wasm] = (['plain', 'wasm'] as const).map((kernel) =>
      storeMatrix(fitMatrix(planted.input, { preset, seed: 1, kernel, triesSoft: true })),
    )
    assert.deepEqual(wasm, plain)
  })
}

const onlyX64 = { skip: process.arch === 'x64' ? false : 'SIMD can be taken away from an x64 engine only' }

test('an engine without SIMD falls back to the plain kernel, with the same matrix', onlyX64, async () => {
  const program = `
    import { fitMatrix } from '${new URL('./fit.ts', import.meta.url)}'
    import { plant } from '${new URL('./planted.ts', import.meta.url)}'
    import { bestKernel } from '${new URL('./wasm.ts', import.meta.url)}'
    const { input } = plant({ questions: 60, concepts: 6, learners: 120, responses: 3000, seed: 8, secondHints: 0.4,
      sigmaSpecific: 0.7, sigmaGeneral: 0.7 })
    let refusal
    try { fitMatrix(input, { preset: 'hard', seed: 1, kernel: 'wasm' }) } catch (error) { refusal = error.message }
    const { easiness } = fitMatrix(input, { preset: 'hard', seed: 1 })
    console.log(JSON.stringify({ kernel: bestKernel(), refusal, easiness: [...easiness] }))`
  const flags = ['--no-enable-sse4-1', '--input-type=module', '-e', program]
  const { stdout } = await promisify(execFile)(process.execPath, flags)
  const { kernel, refusal, easiness } = JSON.parse(stdout)
  assert.equal(kernel, 'plain')
  assert.match(refusal, /no WebAssembly with SIMD/)
  assert.deepEqual(easiness, [...fitMatrix(planted.input, { preset: 'hard', seed: 1, kernel: 'wasm' }).easiness])
  assert.equal(requireKernel('wasm'), 'wasm')
})
