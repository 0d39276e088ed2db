/** Numbers, ages and names as the console writes them; pure, so that a figure reads the same on every page. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const oneDigit = new Intl.NumberFormat('en', { maximumFractionDigits: 1, minimumFractionDigits: 1 })
const ordinals = new Intl.PluralRules('en', { type: 'ordinal' })

export function formatCount(count: number): string {
  return whole.format(count)
}

/** One digit below ten, where it says something. */
export function formatRate(perSecond: number): string {
  return perSecond > 0 && perSecond < 10 ? oneDigit.format(perSecond) : whole.format(perSecond)
}

/** A share 0…1 in whole per cent. */
export function formatShare(share: number): string {
  return `${Math.round(share * 100)} %`
}

/** An interval of shares; with a digit more where whole per cent would hide that it is one. */
export function formatInterval(minimum: number, maximum: number): string {
  const digits = maximum - minimum < 0.03 ? 1 : 0
  return `${(minimum * 100).toFixed(digits)}–${(maximum * 100).toFixed(digits)} %`
}

export function formatMs(ms: number | null): string {
  if (ms === null) return '–'
  if (ms < 1_000) return `${whole.format(ms)} ms`
  if (ms < 100_000) return `${oneDigit.format(ms / 1_000)} s`
  return formatAge(ms)
}

/** The two largest units, so that an age can be read aloud: "3 min 12 s", "2 d 4 h". */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

export function formatTime(instant: number): string {
  return new Date(instant).toLocaleTimeString('en-GB')
}

export function formatDateTime(instant: number): string {
  return new Date(instant).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' })
}

/** The first group of a uuid: enough to tell the courses of one installation apart on sight. */
export function shortUuid(uuid: string): string {
  return uuid.slice(0, 8)
}

/** "3", or "3–7" for a range with both ends in it. */
export function formatRange(from: number, to: number): string {
  return from === to ? formatCount(from) : `${formatCount(from)}–${formatCount(to)}`
}

export function plural(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`
}

/** "1st", "2nd", "11th", "21st". */
export function formatOrdinal(place: number): string {
  const ending = { one: 'st', two: 'nd', few: 'rd', other: 'th', zero: 'th', many: 'th' }[ordinals.select(place)]
  return `${formatCount(place)}${ending}`
}

interface BookName {
  readonly kind: 'book' | 'unit' | 'chapter' | 'page'
  readonly number: string
}

/** "Chapter 2", "Page 2.3": events carry no titles. */
export function formatBookName({ kind, number }: BookName): string {
  const word = { book: 'Whole book', unit: 'Unit', chapter: 'Chapter', page: 'Page' }[kind]
  return number === '' ? word : `${word} ${number}`
}
