import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { noticeNotRun } from '#platform/test-notice.ts'

/** Finds the system's Chromium: no browser is downloaded. `CHROMIUM_PATH` names one that is not on the PATH. */
export function chromiumPath(): string | undefined {
  const named = process.env['CHROMIUM_PATH']
  if (named !== undefined && named !== '') return named
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable)
}

/**
 * Why the browser tests cannot run here, or `undefined` when they can. Written where the test runner collects such
 * notices for its last lines; in continuous integration the runner fails on this one.
 */
export function missingChromiumNotice(): string | undefined {
  if (chromiumPath() !== undefined) return undefined
  const notice = 'browser tests: Chromium is not on the PATH (chromium, chromium-browser, google-chrome; CHROMIUM_PATH)'
  noticeNotRun(notice)
  return notice
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
