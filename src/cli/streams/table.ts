/** Tables for people, and the same as JSON for programs. Pure. */
export type Cell = string | number | bigint

/**
 * Columns as wide as their widest cell, two spaces apart; numbers to the right. Other programs have written some of the
 * texts, so nothing in them reaches the terminal as a command of its own.
 */
export function tableText(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const isNumeric = headings.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] !== 'string'))
  const texts = [headings, ...rows].map((row) => row.map((cell) => String(cell).replaceAll(/[\s\p{Cc}]+/gu, ' ')))
  const widths = headings.map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)))
  const lines = texts.map((row) =>
    row
      .map((text, column) => {
        const width = widths[column] ?? 0
        return isNumeric[column] ? text.padStart(width) : text.padEnd(width)
      })
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}

export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? String(item) : item), 2)}\n`
}

const units: readonly (readonly [string, number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
]

/** In the largest unit of which there are two, rounded down; seconds below that. */
export function ageText(ms: number): string {
  const [name, size] = units.find(([, length]) => ms >= 2 * length) ?? (['s', 1000] as const)
  return `${Math.max(0, Math.floor(ms / size))} ${name}`
}

/** Runs of numbers, as 3, 5-7. */
export function rangesText(ranges: readonly { readonly from: number; readonly to: number }[]): string {
  return ranges.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(', ')
}
