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

/** The tenths that hold every known interval: an even number of them, so that the quarters are whole per cent. */
export function scaleAround(intervals: readonly Interval[]): ForecastScale {
  const known = intervals.filter(({ isReal }) => isReal)
  if (known.length === 0) return wholeScale
  const below = Math.min(9, Math.floor(Math.min(...known.map(({ minimum }) => minimum)) * 10))
  const above = Math.max(below + 1, Math.ceil(Math.max(...known.map(({ maximum }) => maximum)) * 10))
  const isEven = (above - below) % 2 === 0
  const from = isEven || below === 0 ? below : below - 1
  const to = isEven || below > 0 ? above : above + 1
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
