/** The table of docs/streams-tests.md: which test shows which scenario or invariant of the streams. Pure. */
export interface MapRow {
  /** `S12` of the scenarios, `A1` of the invariants. */
  readonly mark: string
  readonly file: string
  /** The test's name, or a command after `by hand:`. */
  readonly name: string
}

export function readMap(text: string): MapRow[] {
  return [...text.matchAll(/^\| ([A-Z]\d+) \| [^|]* \| `([^`]+)` \| (.+?) \|$/gm)].map(
    ([, mark = '', file = '', name = '']) => ({ mark, file, name }),
  )
}

/** Rows whose test runs with all others. */
export function testsOf(rows: readonly MapRow[]): MapRow[] {
  return rows.filter(({ name }) => !name.startsWith('by hand: '))
}

/** One line a test that passed, as ran-reporter.ts writes them. */
export function ranLine(file: string, name: string): string {
  return `${file}\t${name}`
}

/** Rows whose test did not pass in this run: it failed, was skipped, or was not there. */
export function notRun(rows: readonly MapRow[], ran: string): MapRow[] {
  const lines = new Set(ran.split('\n'))
  return testsOf(rows).filter(({ file, name }) => !lines.has(ranLine(file, name)))
}
