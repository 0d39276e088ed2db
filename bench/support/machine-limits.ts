import { world } from './sparfa-world.ts'
import { bestSeconds } from './thread-seconds.ts'

/** What this machine's core does at best, measured, so that figures can be judged on another one. */
export interface MachineLimits {
  /** One exponential, and adding it up. */
  readonly exp_ns: number
  /** Reading in order an array of the size of a dense W of the bench, larger than the caches of a core alone. */
  readonly read_gb_per_second: number
}

export function machineLimits(): MachineLimits {
  const arguments_ = Float64Array.from({ length: 1000 }, (_, at) => -5 + at / 100)
  const numbers = new Float64Array(world.questions * world.concepts).fill(1)
  let sum = 0
  const exp = bestSeconds(5, () => {
    for (let round = 0; round < 1000; round++) for (const one of arguments_) sum += Math.exp(one)
  })
  const passes = 50
  const read = bestSeconds(5, () => {
    for (let pass = 0; pass < passes; pass++) sum += sumOf(numbers)
  })
  if (!(sum > 0)) throw new Error('nothing was computed')
  return { exp_ns: exp * 1e3, read_gb_per_second: (passes * numbers.length * 8) / read / 1e9 }
}

function sumOf(numbers: Float64Array): number {
  // Four sums, so that the chain of additions is no limit.
  let [a, b, c, d] = [0, 0, 0, 0]
  for (let at = 0; at < numbers.length; at += 4) {
    a += numbers[at]!
    b += numbers[at + 1]!
    c += numbers[at + 2]!
    d += numbers[at + 3]!
  }
  return a + b + c + d
}
