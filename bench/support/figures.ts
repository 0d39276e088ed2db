import { loadavg } from 'node:os'

/* How figures are computed and printed, the same in every benchmark. */

/** `share` 0.5 is the median, 1 the greatest; NaN of nothing. */
export function percentile(values: ArrayLike<number>, share: number): number {
  if (values.length === 0) return Number.NaN
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}

/** Of the last minute: a figure taken beside other programs has to say so. */
export function loadAverage(): number {
  return round(loadavg()[0] ?? Number.NaN, 1)
}

export function printLine(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}
