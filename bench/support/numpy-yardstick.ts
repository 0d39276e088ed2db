import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'

/*
 * The independent implementation in numpy (one thread), timed by the processor time it used, so that other programs on
 * the machine do not lengthen it. Its arrays are ready before its clock starts.
 */
export interface NumpySeconds {
  /** The faster of its Adadelta settings, until held-out answers stop getting better. */
  readonly toStop: number
  /** Both gradients and the update, weights on hints alone. */
  readonly hardEpoch: number
  /** The same with a weight for every pair. */
  readonly softEpoch: number
}

/** `undefined` where the program is missing; what it prints is checked, so that a changed one is noticed. */
export async function numpySeconds(folder: string): Promise<NumpySeconds | undefined> {
  if (!existsSync(`${folder}/bench_numpy.py`)) {
    process.stderr.write(`sparfa: no yardstick, ${folder}/bench_numpy.py is missing\n`)
    return undefined
  }
  return {
    hardEpoch: least(await run(folder, 'epoch'), /adadelta epoch incl\. update ([\d.]+) s/g),
    toStop: least(await run(folder, 'stop'), /adadelta .* to stop ([\d.]+) s/g),
    softEpoch: least(await run(folder, 'soft'), /adadelta epoch incl\. update ([\d.]+) s/g),
  }
}

/** Its clock is replaced, its arithmetic is not. `-B`: the folder may be read-only. */
async function run(folder: string, what: 'epoch' | 'stop' | 'soft'): Promise<string> {
  process.stderr.write(`sparfa: the same in numpy (${what})\n`)
  const program = [
    'import runpy, sys, time',
    'time.perf_counter = time.process_time',
    "sys.path.insert(0, '.')",
    `sys.argv = ['bench_numpy.py', '${what}']`,
    "runpy.run_path('bench_numpy.py', run_name='__main__')",
  ].join('\n')
  const { stdout } = await promisify(execFile)('python3', ['-B', '-c', program], {
    cwd: folder,
    env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' },
  })
  return stdout
}

function least(printed: string, seconds: RegExp): number {
  const found = [...printed.matchAll(seconds)].map((match) => Number(match[1]))
  if (found.length === 0) throw new Error(`numpy printed no time:\n${printed}`)
  return Math.min(...found)
}
