import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Finds the system's Chromium: no browser is downloaded. `CHROMIUM_PATH` names one that is not on the PATH. */
export function chromiumPath(): string | undefined {
  const named = process.env['CHROMIUM_PATH']
  if (named !== undefined && named !== '') return named
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable)
}

/** What the test runner prints in its last lines when the browser tests could not run; they fail then when `CI` is set. */
export function missingChromiumNotice(): string | undefined {
  if (chromiumPath() !== undefined) return undefined
  return 'Browser tests skipped: no chromium, chromium-browser or google-chrome on the PATH (or set CHROMIUM_PATH).'
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
