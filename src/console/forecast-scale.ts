/** The part of 0…1 that a forecast's bars are drawn over, in whole tenths. */
export interface ForecastScale {
  readonly from: number
  readonly to: number
}

export const wholeScale: ForecastScale = { from: 0, to: 1 }

interface Interval {
  readonly minimum: number
  readonly maximum: number
  readonly isReal: boolean
}

/** The tenths that hold every known interval; at least two of them, so that a narrow class is not blown up. */
export function scaleAround(intervals: readonly Interval[]): ForecastScale {
  const known = intervals.filter(({ isReal }) => isReal)
  if (known.length === 0) return wholeScale
  const tenthBelow = Math.floor(Math.min(...known.map(({ minimum }) => minimum)) * 10)
  const tenthAbove = Math.ceil(Math.max(...known.map(({ maximum }) => maximum)) * 10)
  const isNarrow = tenthAbove - tenthBelow < 2
  const from = isNarrow && tenthAbove === 10 ? 8 : tenthBelow
  const to = isNarrow ? from + 2 : tenthAbove
  return { from: from / 10, to: to / 10 }
}

/** Where a share lies on the scale, 0…1; what is beyond an end is drawn at the end. */
export function placeOn({ from, to }: ForecastScale, share: number): number {
  return Math.min(Math.max((share - from) / (to - from), 0), 1)
}

/** Five marks, evenly apart: the quarters of the scale. */
export function marksOf({ from, to }: ForecastScale): { readonly place: number; readonly share: number }[] {
  return [0, 0.25, 0.5, 0.75, 1].map((place) => ({ place, share: from + place * (to - from) }))
}
