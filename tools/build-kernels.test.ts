import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { asModule, compileKernels } from './build-kernels.ts'

test('the bytes the program carries are what the sources of the kernels compile to', async () => {
  const carried = await readFile(new URL('../src/estimate/sparfa/wasm-bytes.ts', import.meta.url), 'utf8')
  assert.equal(carried, asModule(await compileKernels()), 'npm run build:kernels, and commit what it wrote')
})
