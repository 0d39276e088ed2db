/** Two of `../exponential.ts` at a time: the same operations in the same order, hence the same bits. */
const LARGEST_EXPONENT: f64 = 500
const LN2_HIGH: f64 = 0.6931471803691238
const LN2_LOW: f64 = 1.9082149292705877e-10
const ROUNDER: f64 = 6755399441055744

export function exp(x: v128): v128 {
  const upper = f64x2.pmin(x, f64x2.splat(LARGEST_EXPONENT))
  const cut = f64x2.pmax(upper, f64x2.splat(-LARGEST_EXPONENT))
  const rounded = f64x2.add(f64x2.mul(cut, f64x2.splat(Math.LOG2E)), f64x2.splat(ROUNDER))
  const k = f64x2.sub(rounded, f64x2.splat(ROUNDER))
  const rest = f64x2.sub(cut, f64x2.mul(k, f64x2.splat(LN2_HIGH)))
  const r = f64x2.sub(rest, f64x2.mul(k, f64x2.splat(LN2_LOW)))
  const r2 = f64x2.mul(r, r)
  const high = f64x2.add(
    line(2.4801521295954376e-5, 2.7557268459997064e-6, r),
    f64x2.mul(r2, line(2.7620088445409746e-7, 2.510038549551032e-8, r)),
  )
  const middle = f64x2.add(
    f64x2.add(
      line(0.04166666666662413, 0.008333333333330062, r),
      f64x2.mul(r2, line(0.0013888888917213717, 0.00019841269863053618, r)),
    ),
    f64x2.mul(f64x2.mul(r2, r2), high),
  )
  const q = f64x2.add(line(0.5000000000000001, 0.16666666666666669, r), f64x2.mul(r2, middle))
  const value = f64x2.add(f64x2.splat(1), f64x2.add(r, f64x2.mul(r2, q)))
  // The last bits of `rounded` are k: moved to the place of the exponent and added to that of one they make 2^k.
  return f64x2.mul(value, i64x2.add(i64x2.shl(rounded, 52), f64x2.splat(1)))
}

function line(constant: f64, slope: f64, x: v128): v128 {
  return f64x2.add(f64x2.splat(constant), f64x2.mul(f64x2.splat(slope), x))
}

/** 1 / (1 + exp(-z)). */
export function sigmoid(z: v128): v128 {
  const one = f64x2.splat(1)
  return f64x2.div(one, f64x2.add(one, exp(f64x2.neg(z))))
}
