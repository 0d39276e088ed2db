import { Buffer } from 'node:buffer'

const slabBytes = 8 * 1024

/**
 * Node cuts small buffers from slabs of 64 KiB (24.21), and a piece of a hundred bytes that is still in use keeps its
 * whole slab. Under load a few requests in flight kept 60 MB so; V8 then collects the whole heap two or three times a
 * second, with pauses of ten milliseconds each. Holds for the process, from the next slab on.
 */
export function useSmallSlabs(): void {
  Buffer.poolSize = slabBytes
}
