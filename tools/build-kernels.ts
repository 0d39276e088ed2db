import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

/*
 * `npm run build:kernels`: the WebAssembly kernels of the SPARFA fit, from AssemblyScript to the text that the program
 * carries. A test fails when the sources and that text do not belong together.
 */
const folder = fileURLToPath(new URL('../src/estimate/sparfa/', import.meta.url))
const entries = ['assembly/hard.ts', 'assembly/soft.ts', 'assembly/full.ts']

/** Nothing is allocated inside: all memory comes from outside, and several threads may share it. */
const options = [
  ...['--runtime', 'stub', '--noAssert', '--optimizeLevel', '3', '--converge'],
  ...['--enable', 'simd', '--enable', 'threads'],
  ...['--importMemory', '--noExportMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536'],
  // Lanes pass between our own functions, never to the outside.
  ...['--disableWarning', '112'],
]

/** The module's bytes; the compiler's messages if there are any. */
export async function compileKernels(): Promise<Uint8Array> {
  let bytes: Uint8Array | undefined
  const { error, stderr } = await asc.main([...entries, ...options, '--outFile', 'kernels.wasm', '--baseDir', folder], {
    writeFile: (_name: string, contents: Uint8Array | string) => {
      if (typeof contents !== 'string') bytes = contents
    },
  })
  const messages = stderr.toString()
  if (error !== null || messages !== '' || bytes === undefined) throw new Error(messages, { cause: error })
  return bytes
}

export function asModule(bytes: Uint8Array): string {
  return [
    '/** The kernels of `assembly/`, compiled by `npm run build:kernels`. */',
    `export const wasmBase64 =\n  '${Buffer.from(bytes).toString('base64')}'`,
    '',
  ].join('\n')
}

if (import.meta.main) await writeFile(`${folder}wasm-bytes.ts`, asModule(await compileKernels()))
