/**
 * The exponential function by additions and multiplications in a fixed order, so that it gives the same bits in every
 * engine and, two at a time, in WebAssembly (`assembly/exponential.ts`). Within one unit in the last place and a half
 * of the true value. Arguments are cut at ±500, which keeps everything made of it finite; NaN stays NaN.
 *
 * x = k log 2 + r with |r| <= log(2) / 2, and exp(r) = 1 + r + r^2 q(r) by the polynomial q of degree 9 that meets the
 * function in the ten Chebyshev nodes of that interval (relative error 2e-17).
 */
const LARGEST_EXPONENT = 500
/** log 2 in two parts; the first is so short that its product with k is exact. */
const LN2_HIGH = 0.6931471803691238
const LN2_LOW = 1.9082149292705877e-10
/** Adding 1.5 * 2^52 leaves no place for a fraction: the sum is rounded to an integer. */
const ROUNDER = 6755399441055744
const POWER_MAX = 723
const POWERS = Float64Array.from({ length: 2 * POWER_MAX + 1 }, (_, at) => 2 ** (at - POWER_MAX))

export function exp(x: number): number {
  const upper = x > LARGEST_EXPONENT ? LARGEST_EXPONENT : x
  const cut = upper < -LARGEST_EXPONENT ? -LARGEST_EXPONENT : upper
  const k = cut * Math.LOG2E + ROUNDER - ROUNDER
  const r = cut - k * LN2_HIGH - k * LN2_LOW
  const r2 = r * r
  const high =
    2.4801521295954376e-5 + 2.7557268459997064e-6 * r + r2 * (2.7620088445409746e-7 + 2.510038549551032e-8 * r)
  const middle =
    0.04166666666662413 +
    0.008333333333330062 * r +
    r2 * (0.0013888888917213717 + 0.00019841269863053618 * r) +
    r2 * r2 * high
  const q = 0.5000000000000001 + 0.16666666666666669 * r + r2 * middle
  return (1 + (r + r2 * q)) * POWERS[(k + POWER_MAX) | 0]!
}
