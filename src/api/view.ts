import { beginsWithDay } from '#domain/calendar.ts'
import type { Instant } from '#domain/student.ts'
import { positionPattern } from '#platform/readers.ts'

/*
 * Query parameters of our own on the wire's reads; absent ones leave the original contract as it is. `as_of` (a
 * date-time) looks at what had been recorded by then, `explain=1` adds how a value was made.
 */
export interface View {
  readonly asOf: Instant | undefined
  readonly explains: boolean
  /** Of a write that has to be seen. */
  readonly position?: string
  /** See `AnswerView`. */
  readonly behind?: () => void
}

/** On answers to writes, and on reads that have to see one. */
export const positionHeader = 'Biglearn-Position'

/** On answers that lack something which was in the log when they were asked for. */
export const behindHeader = 'Biglearn-Behind'

export type ViewParameter = 'as_of' | 'explain' | 'position'

export const plainView: View = { asOf: undefined, explains: false }

/** The view asked for, or what is wrong with it. Parameters that an endpoint does not have are ignored. */
export function parseView(
  query: Readonly<Record<string, unknown>>,
  parameters: readonly ViewParameter[],
  position?: unknown,
): View | { readonly problem: string } {
  let view = plainView
  const asOf = parameters.includes('as_of') ? query['as_of'] : undefined
  if (asOf !== undefined) {
    const isDateTime = typeof asOf === 'string' && dateTime.test(asOf) && beginsWithDay(asOf)
    const instant = isDateTime ? Date.parse(asOf) : Number.NaN
    if (Number.isNaN(instant)) return { problem: 'the query parameter as_of must be one date-time with a time zone' }
    view = { ...view, asOf: instant }
  }
  if (parameters.includes('position') && position !== undefined) {
    if (typeof position !== 'string' || !positionPattern.test(position)) {
      return { problem: `the header ${positionHeader} must be one that a write was answered with` }
    }
    view = { ...view, position }
  }
  const explain = parameters.includes('explain') ? query['explain'] : undefined
  if (explain === undefined) return view
  if (explain !== '0' && explain !== '1') return { problem: 'the query parameter explain must be 0 or 1' }
  return { ...view, explains: explain === '1' }
}

/** An explanation may list two thousand exercises: more lines than this would be answers of hundreds of megabytes. */
const explainedLinesMax = 100

/** What is wrong with asking this of a view, if anything. */
export function tooMuchToExplain(view: View, body: object): string | undefined {
  if (!view.explains) return undefined
  const isTooLong = Object.values(body).some((lines) => Array.isArray(lines) && lines.length > explainedLinesMax)
  return isTooLong ? `with the query parameter explain=1 a request has at most ${explainedLinesMax} lines` : undefined
}

const hourAndMinute = '(?:[01]\\d|2[0-3]):[0-5]\\d'
const dateTime = new RegExp(
  `^\\d{4}-\\d\\d-\\d\\d[Tt]${hourAndMinute}:[0-5]\\d(?:\\.\\d{1,9})?(?:[Zz]|[+-]${hourAndMinute})$`,
)
