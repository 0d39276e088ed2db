/**
 * The arrays of one optimiser in one piece of memory that threads can share and that WebAssembly can work in. The first
 * words of the memory hold where each array begins, in the order of the layout.
 */
export type KernelName = 'plain' | 'wasm'

interface ArrayTypes {
  readonly f64: Float64Array
  readonly i32: Int32Array
  readonly u8: Uint8Array
}

/** Kind and length of each array. */
export type Layout = Readonly<Record<string, readonly [kind: keyof ArrayTypes, length: number]>>

export type ArraysOf<L extends Layout> = { readonly [Name in keyof L]: ArrayTypes[L[Name][0]] }

export interface Workspace<L extends Layout> {
  /** Absent: the arrays are plain shared memory, and only plain kernels can work in them. */
  readonly memory: WebAssembly.Memory | undefined
  readonly arrays: ArraysOf<L>
}

const PAGE_BYTES = 65_536
/** Of the 32-bit addresses of WebAssembly. Larger work is done by the plain kernels, which give the same. */
const WASM_PAGES_MAX = 65_536
/** Pairs of numbers are read and written together, also where the second is the first one after the end. */
const ALIGNMENT_BYTES = 16

const constructors = { f64: Float64Array, i32: Int32Array, u8: Uint8Array } as const

export function makeWorkspace<L extends Layout>(kernel: KernelName, layout: L): Workspace<L> {
  const names = Object.keys(layout)
  const offsets = new Int32Array(names.length)
  let bytes = aligned(4 * names.length)
  names.forEach((name, at) => {
    const [kind, length] = layout[name]!
    offsets[at] = bytes
    bytes += aligned(length * constructors[kind].BYTES_PER_ELEMENT)
  })
  const pages = Math.ceil((bytes + ALIGNMENT_BYTES) / PAGE_BYTES)
  const isWasm = kernel === 'wasm' && pages <= WASM_PAGES_MAX
  const memory = isWasm ? new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }) : undefined
  const buffer = memory?.buffer ?? new SharedArrayBuffer(pages * PAGE_BYTES)
  new Int32Array(buffer).set(offsets)
  const arrays: Record<string, ArrayTypes[keyof ArrayTypes]> = {}
  names.forEach((name, at) => {
    const [kind, length] = layout[name]!
    arrays[name] = new constructors[kind](buffer as unknown as ArrayBuffer, offsets[at]! >>> 0, length)
  })
  return { memory, arrays: arrays as ArraysOf<L> }
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES
}
