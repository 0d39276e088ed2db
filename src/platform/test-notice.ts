import { appendFileSync } from 'node:fs'

/** Says in the last lines of `npm test` that a suite could not run, and why. */
export function noticeNotRun(text: string): void {
  const file = process.env['BIGLEARN_TEST_NOTICES']
  if (file !== undefined) appendFileSync(file, `${text}\n`)
}
