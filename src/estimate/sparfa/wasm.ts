/**
 * The kernels compiled to WebAssembly (sources in `assembly/`, bytes in `wasm-bytes.ts`). They are compiled when first
 * wanted and put into a memory of a `workspace.ts`, in as many threads as share it.
 */
import { wasmBase64 } from './wasm-bytes.ts'
import type { KernelName } from './workspace.ts'

/** Those of a fit take the number of a block; everything else is in the memory. */
export interface WasmKernels {
  hardLearners(block: number): void
  softLearners(block: number): void
  softQuestions(block: number): void
  fullPredict(): void
  fullGradient(): void
  fullFactor(): void
}

let compiled: WebAssembly.Module | undefined
const instances = new WeakMap<WebAssembly.Memory, WasmKernels>()

/** The faster kernels where the engine has WebAssembly with SIMD and threads, otherwise the plain ones. */
export function bestKernel(): KernelName {
  return compiledModule() === undefined ? 'plain' : 'wasm'
}

/** Throws a `RangeError` if the kernel is not there. */
export function requireKernel(kernel: KernelName): KernelName {
  if (kernel === 'wasm' && bestKernel() === 'plain') {
    throw new RangeError('this engine has no WebAssembly with SIMD and threads; the plain kernel gives the same matrix')
  }
  return kernel
}

export function kernelsIn(memory: WebAssembly.Memory): WasmKernels {
  const before = instances.get(memory)
  if (before !== undefined) return before
  const { exports } = new WebAssembly.Instance(compiledModule()!, { env: { memory } })
  instances.set(memory, exports as unknown as WasmKernels)
  return exports as unknown as WasmKernels
}

function compiledModule(): WebAssembly.Module | undefined {
  if (compiled !== undefined || typeof WebAssembly === 'undefined') return compiled
  const bytes = Buffer.from(wasmBase64, 'base64')
  if (WebAssembly.validate(bytes)) compiled = new WebAssembly.Module(bytes)
  return compiled
}
