import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import type { Browser, Page } from 'playwright-core'

/** Pages for tests: each one on its own, watched for faults, with screenshots where people can look at them. */
const artefacts = fileURLToPath(new URL('../../artefacts/console/', import.meta.url))

export interface PageOptions {
  readonly colorScheme?: 'light' | 'dark'
  readonly viewport?: { readonly width: number; readonly height: number }
  /** Lost connections and refused tokens are written to the browser's console by the browser itself. */
  readonly mayFail?: boolean
}

/** Fails on script errors, refused content, and any request that leaves the server. */
export async function withPage(
  browser: Browser,
  options: PageOptions,
  use: (page: Page) => Promise<void>,
): Promise<void> {
  const { colorScheme = 'light', viewport = { width: 1366, height: 768 } } = options
  const context = await browser.newContext({ colorScheme, viewport })
  try {
    const page = await context.newPage()
    page.setDefaultTimeout(10_000)
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error' && options.mayFail !== true) faults.push(message.text())
    })
    page.on('request', (request) => {
      if (new URL(request.url()).hostname !== '127.0.0.1') faults.push(`asked ${request.url()}`)
    })
    await use(page)
    assert.deepEqual(faults, [])
  } finally {
    await context.close()
  }
}

export async function shot(page: Page, name: string): Promise<void> {
  await mkdir(artefacts, { recursive: true })
  await page.screenshot({ path: join(artefacts, `${name}.png`), fullPage: true })
}

/** Milliseconds until the text of the first element of `selector` is another one than `before`. */
export async function untilTextChanges(page: Page, selector: string, before: string | null): Promise<number> {
  const startedAt = performance.now()
  await page.waitForFunction(
    ([wanted, text]) => document.querySelector(wanted ?? '')?.textContent !== text,
    [selector, before],
    { polling: 20, timeout: 5_000 },
  )
  return performance.now() - startedAt
}

/**
 * Waits until `read` gives what is expected: the parts of a page load one after another, and a heading that is there
 * says nothing about the rows below it. After 10 s it fails with the difference that is left.
 */
export async function assertShows<T>(read: () => Promise<T>, expected: T, message?: string): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) {
    if (isDeepStrictEqual(await read(), expected)) return
    await sleep(50)
  }
  assert.deepEqual(await read(), expected, message)
}
