import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Browser, chromium, type Page } from 'playwright-core'
import { accessibilityTree, contrastOf, focused, namesOf, unnamedRoles } from './accessibility.ts'
import { assertShows, shot, untilTextChanges, withPage } from './browser-page.ts'
import { chromiumPath, missingChromiumNotice } from './chromium.ts'
import { type FixtureServer, startFixtureServer } from './fixture-server.ts'
import { type SeededConsoleData, seedConsoleData } from './seeded-console-data.ts'

/** The console in a real browser over seeded data: by keyboard, live, through a restart, and for every eye. */

const notice = missingChromiumNotice()

describe('console', { skip: notice ?? false, concurrency: false }, () => {
  let data: SeededConsoleData
  let server: FixtureServer
  let browser: Browser

  before(async () => {
    data = seedConsoleData()
    server = await startFixtureServer({ data })
    browser = await chromium.launch({ executablePath: chromiumPath() ?? '' })
  })
  after(async () => {
    await browser.close()
    await server.close()
  })

  test('the keyboard leads from the first page to a course, its gaps and a student', async () => {
    await withPage(browser, {}, async (page) => {
      await page.goto(`${server.address}/`)
      await page.getByRole('heading', { name: 'Courses' }).waitFor()
      await page.keyboard.press('Tab')
      assert.equal((await focused(page)).text, 'Skip to content')
      await page.keyboard.press('Enter')
      await tabTo(page, 'Find a course')
      await page.keyboard.type(data.blockedCourse.slice(0, 8).toUpperCase())
      await page.getByText('1 course', { exact: true }).waitFor()
      await page.keyboard.press('ArrowDown')
      await assertShows(async () => (await focused(page)).text, data.blockedCourse.slice(0, 8))
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: `Course ${data.blockedCourse.slice(0, 8)}` }).waitFor()
      await assertShows(() => page.evaluate(() => document.activeElement?.id), 'main')

      await tabTo(page, 'See the gaps')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: 'Gaps' }).waitFor()
      assert.equal(new URL(page.url()).pathname, `/console/courses/${data.blockedCourse}/stream`)
      await assertShows(() => page.locator('.gaps-table tbody th').allTextContents(), ['1,150–1,152', '1,180'])
      await assertShows(() => page.locator('[data-figure=contiguous]').textContent(), '1,150')
      await assertShows(() => page.locator('[data-figure=missing]').textContent(), '4')
      await assertShows(() => page.locator('.panel .strip .strip-missing').count(), 2)
      await shot(page, 'stream')

      await tabTo(page, 'Forecast')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: 'Whole class' }).waitFor()
      await tabTo(page, `Whole class${data.studentsOf(data.blockedCourse).length}`)
      await page.keyboard.press('End')
      const student = data.studentsOf(data.blockedCourse).at(-1)
      assert.ok(student !== undefined)
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: `Student ${student.slice(0, 8)}` }).waitFor()
      assert.equal(new URL(page.url()).pathname, `/console/courses/${data.blockedCourse}/students/${student}`)
      const inList = async (): Promise<boolean> => (await focused(page)).text.startsWith(student.slice(0, 8))
      await assertShows(inList, true, 'the focus stays in the list')
      await assertBarsShow(page, data, student)
      await shot(page, 'student')
      await assertZoomWidens(page)

      await tabTo(page, 'Page 1.1')
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: 'Page 1.2: which answers counted' }).waitFor()
      const withheld = page.locator('tbody tr', { hasText: 'withheld until its feedback is out' })
      await assertShows(() => withheld.count(), 1)
      await page.goBack()
      await tabTo(page, 'Assignments and the exercises to give next')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: 'Assignments' }).waitFor()
      const assignment = (await data.assignments(data.blockedCourse, student))?.[0]?.assignment
      await tabTo(page, assignment?.slice(0, 8) ?? '')
      await page.keyboard.press('Enter')
      await page.getByRole('heading', { name: 'Exercises to give in' }).waitFor()
      await assertShows(() => page.getByText('3 assignments ago, drawn').count(), 1)
    })
  })

  test('a new answer moves the bars of an open page within a second', async () => {
    const course = data.blockedCourse
    const [student, page3] = [data.studentsOf(course)[0], data.pagesOf(course)[3]]
    assert.ok(student !== undefined && page3 !== undefined)
    await withPage(browser, {}, async (page) => {
      await page.goto(`${server.address}/console/courses/${course}/students/${student}`)
      const expected = page.locator(`tr[data-container="${page3}"] .expected`)
      for (let answer = 0; answer < 3; answer++) data.answer(course, student, page3, true)
      await expected.waitFor()
      await page.locator('.forecast-table[aria-busy=false]').waitFor()
      // A busy machine may miss the second once; a page that waits for something longer misses it each time.
      const tookMs: number[] = []
      for (const isCorrect of [false, true, false]) {
        const before = await expected.textContent()
        for (let answer = 0; answer < 40; answer++) data.answer(course, student, page3, isCorrect)
        tookMs.push(await untilTextChanges(page, `tr[data-container="${page3}"] .expected`, before))
      }
      assert.ok(Math.min(...tookMs) < 1_000, `the bar moved after ${tookMs.join(', ')} ms`)
      await assertBarsShow(page, data, student)
    })
  })

  test('a restarted server is found again, and the page says so', async () => {
    const course = data.blockedCourse
    const own = await startFixtureServer({ data })
    let again: FixtureServer | undefined
    try {
      await withPage(browser, { mayFail: true }, async (page) => {
        await page.goto(`${own.address}/console/courses/${course}/stream`)
        const next = page.locator('.figure-note', { hasText: 'next number' })
        await next.waitFor()
        const before = await next.textContent()
        await own.close()
        await page.getByText('No connection to the server since').waitFor()
        await assertShows(() => page.locator('.connection').textContent(), 'No connection')
        assert.equal(await next.textContent(), before, 'what was read stays on the page')
        await shot(page, 'connection-lost')
        again = await startFixtureServer({ data, port: own.port })
        await page.getByText('the server was restarted').waitFor()
        const [student, page3] = [data.studentsOf(course)[0], data.pagesOf(course)[3]]
        assert.ok(student !== undefined && page3 !== undefined)
        data.answer(course, student, page3, true)
        await page.waitForFunction(
          (text) =>
            [...document.querySelectorAll('.figure-note')].some(
              (note) => note.textContent?.startsWith('next number') === true && note.textContent !== text,
            ),
          before,
        )
      })
    } finally {
      await again?.close()
    }
  })

  test('the operator token is asked for once', async () => {
    const locked = await startFixtureServer({ data, token: 'right' })
    try {
      await withPage(browser, { mayFail: true }, async (page) => {
        await page.goto(`${locked.address}/console`)
        const field = page.getByLabel('Token', { exact: true })
        await field.waitFor()
        assert.equal(await page.getByRole('heading', { name: 'Overview' }).count(), 0)
        await page.keyboard.type('wrong')
        await page.keyboard.press('Enter')
        await page.getByText('The server refused this token.').waitFor()
        await shot(page, 'token')
        await field.fill('right')
        await page.keyboard.press('Enter')
        await page.locator('[data-figure=courses]').waitFor()
        await page.reload()
        await page.locator('[data-figure=courses]').waitFor()
        assert.equal(await field.count(), 0)
      })
    } finally {
      await locked.close()
    }
  })

  test('roles, names, focus order and contrast hold on each page, light and dark', async () => {
    const course = `/console/courses/${data.blockedCourse}`
    const [student, bookPage] = [data.studentsOf(data.blockedCourse)[0], data.pagesOf(data.blockedCourse)[1]]
    const forecast = await data.forecast(data.blockedCourse, { kind: 'class' })
    const paths = {
      overview: '/console',
      class: course,
      student: `${course}/students/${student}`,
      stream: `${course}/stream`,
      basis: `${course}/students/${student}/basis/${bookPage}`,
      assignments: `${course}/students/${student}/assignments/${student}`,
      practice: `${course}/students/${student}/assignments`,
      operations: '/console/operations',
      matrix: `/console/matrices/${forecast?.matrix}`,
      missing: '/console/courses/7',
    }
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const [name, path] of Object.entries(paths)) {
        await withPage(browser, { colorScheme, mayFail: name === 'missing' }, async (page) => {
          await page.goto(`${server.address}${path}`)
          await page.locator('.forecast-table, .figures, .notice-empty, .panel tbody').first().waitFor()
          await assertAccessible(page, `${name} ${colorScheme}`)
          if (colorScheme === 'light' || name === 'student') await shot(page, `${name}-${colorScheme}`)
        })
      }
    }
  })

  test('a parked course says where its figures end, and operations why', async () => {
    await withPage(browser, {}, async (page) => {
      await page.goto(`${server.address}/console/courses/${data.parkedCourse}`)
      await page.getByText('Event 790 failed 8 times').waitFor()
      await page.getByRole('link', { name: 'See operations' }).click()
      const row = page.locator('tbody tr', { hasText: data.parkedCourse.slice(0, 8) })
      await row.getByText('students[3].container_uuid is not a uuid').waitFor()
      await page.getByLabel('Show all').check()
      await assertShows(() => page.locator('table[aria-labelledby=slots-learning] tbody tr').count(), 128)
    })
  })

  test('a parked course is tried again by keyboard, with a reason and a name, and the page says so', async () => {
    const about = data.parkedCourse.slice(0, 8)
    await withPage(browser, {}, async (page) => {
      await page.goto(`${server.address}/console/operations`)
      await page.getByRole('heading', { name: 'Set aside' }).waitFor()
      await tabTo(page, 'Try again')
      await page.keyboard.press('Enter')
      const dialog = page.getByRole('dialog', { name: `Try course ${about} again` })
      await dialog.waitFor()
      assert.deepEqual(await untilEscaped(page), 'Try again', 'the focus comes back to where it was')
      await page.keyboard.press('Enter')
      await dialog.waitFor()
      await page.locator('input:focus').waitFor()
      await page.keyboard.press('Enter')
      assert.deepEqual(data.deeds, [], 'nothing without a reason')
      await page.keyboard.type('the roster is mended')
      await page.keyboard.press('Tab')
      await page.keyboard.type('ada')
      assert.deepEqual(unnamedRoles(await accessibilityTree(page)), [])
      await shot(page, 'deed')
      await page.keyboard.press('Enter')
      await page.getByRole('status').getByText(`${about} is tried again for learning.`).waitFor()
      const row = page.locator('tbody tr', { hasText: about })
      await row.getByText('retry').waitFor()
      const why = { reason: 'the roster is mended', actor: 'ada' }
      const what = { subscription: 'learning', kind: 'course', stream: data.parkedCourse }
      assert.deepEqual(data.deeds, [{ deed: 'retry', ...what, ...why }])
    })
  })

  test('what can not be done any more is said in the dialog, which stays; a lane is decided in another', async () => {
    await withPage(browser, { mayFail: true }, async (page) => {
      await page.goto(`${server.address}/console/operations`)
      const row = page.locator('tbody tr', { hasText: data.parkedCourse.slice(0, 8) })
      await row.getByRole('button', { name: 'Skip event 790' }).click()
      await page.getByLabel('Reason').fill('a test')
      await page.getByLabel('Your name').fill('ada')
      await page.getByRole('button', { name: 'Skip event 790', exact: true }).click()
      await page.getByRole('alert').getByText('it does not stop at event 790 any more').waitFor()
      await page.getByRole('button', { name: 'Cancel' }).click()
      await assertShows(() => page.getByRole('dialog').count(), 0)

      const lane = page.locator('table[aria-labelledby=lanes-heading] tbody tr').first()
      await assertShows(async () => /17 \/ 1.*auto.*612/.test((await lane.textContent()) ?? ''), true)
      await lane.getByRole('button', { name: /^Change lane/ }).click()
      await page.getByLabel('Policy').selectOption('shared')
      await page.getByLabel('Reason').fill('the rush is over')
      assert.equal(await page.getByLabel('Your name').inputValue(), 'ada', 'asked for once')
      await page.getByRole('button', { name: 'Change lane', exact: true }).click()
      await lane.getByText('shared').waitFor()
      assert.equal(data.deeds.at(-1)?.deed, 'lane')
    })
  })

  test('a projector and a narrow window show everything without scrolling sideways', async () => {
    for (const viewport of [
      { width: 1920, height: 1080 },
      { width: 1366, height: 768 },
      { width: 640, height: 900 },
    ]) {
      await withPage(browser, { viewport }, async (page) => {
        for (const path of ['/console', `/console/courses/${data.blockedCourse}`]) {
          await page.goto(`${server.address}${path}`)
          await page.locator('table').first().waitFor()
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
          assert.ok(overflow <= 0, `${path} is ${overflow} px too wide for ${viewport.width}`)
        }
        await shot(page, `class-${viewport.width}`)
      })
    }
  })
})

/** Leaves a dialog by the key for it; returns what has the focus then. */
async function untilEscaped(page: Page): Promise<string> {
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  return (await focused(page)).text
}

/** Presses Tab until the control with this label has the focus: more than once around, as it may still be loading. */
async function tabTo(page: Page, text: string): Promise<void> {
  const seen = new Set<string>()
  for (let press = 0; press < 400; press++) {
    await page.keyboard.press('Tab')
    const at = await focused(page)
    if (at.text === text) return
    seen.add(at.text)
  }
  assert.fail(`“${text}” cannot be reached with Tab: ${[...seen].join(' | ')}`)
}

/** Each row's bar runs from minimum to maximum with its mark at most likely; unknown rows have neither. */
async function assertBarsShow(page: Page, data: SeededConsoleData, student: string): Promise<void> {
  const subject = { kind: 'student', student } as Parameters<SeededConsoleData['forecast']>[1]
  const forecast = await data.forecast(data.blockedCourse, subject)
  assert.ok(forecast !== undefined)
  const { clues } = forecast
  assert.ok(clues.some((clue) => clue.isReal) && clues.some((clue) => !clue.isReal))
  const wrong = async (): Promise<string[]> => {
    const bars = await drawnBars(page)
    if (bars.length !== clues.length) return [`${bars.length} bars for ${clues.length} CLUEs`]
    return bars.flatMap((bar, index) => differences(bar, clues[index]).map((text) => `row ${index}: ${text}`))
  }
  // The bars glide to new values for 200 ms, on a busy machine for longer.
  await assertShows(wrong, [])
}

type Bar = { readonly minimum: number; readonly mostLikely: number; readonly maximum: number }
type ShownClue = Bar & { readonly isReal: boolean }

/** Shares of the width where each bar starts, has its mark, and ends; the text of a row that has none. */
function drawnBars(page: Page): Promise<(Bar | string)[]> {
  return page.locator('.forecast-table tbody tr').evaluateAll((rows) =>
    rows.map((row) => {
      const bar = row.querySelector('.bar')?.getBoundingClientRect()
      const interval = row.querySelector('.bar-interval')?.getBoundingClientRect()
      const mark = row.querySelector('.bar-mark')?.getBoundingClientRect()
      if (bar === undefined || interval === undefined || mark === undefined) return row.textContent ?? ''
      const share = (x: number): number => (x - bar.left) / bar.width
      return {
        minimum: share(interval.left),
        mostLikely: share(mark.left + mark.width / 2),
        maximum: share(interval.right),
      }
    }),
  )
}

function differences(bar: Bar | string, clue: ShownClue | undefined): string[] {
  if (clue === undefined) return ['no CLUE']
  if (typeof bar === 'string') return !clue.isReal && /too few answers/.test(bar) ? [] : [`“${bar}” is shown`]
  if (!clue.isReal) return ['a bar is drawn though the CLUE is not real']
  return (['minimum', 'mostLikely', 'maximum'] as const)
    .filter((key) => Math.abs(bar[key] - clue[key]) >= 0.005)
    .map((key) => `${key} drawn at ${bar[key]}, is ${clue[key]}`)
}

async function assertAccessible(page: Page, where: string): Promise<void> {
  await assertShows(async () => (await contrastOf(page)).texts > 8, true, where)
  const tree = await accessibilityTree(page)
  assert.deepEqual(unnamedRoles(tree), [], where)
  assert.equal(await page.locator('h1').count(), 1, where)
  assert.equal(await page.locator('html').getAttribute('lang'), 'en')
  assert.equal(namesOf(tree, 'main').length, 1, where)
  assert.ok(namesOf(tree, 'navigation').includes('Main'), where)
  assert.match(await page.title(), /Biglearn console$/)
  const contrast = await contrastOf(page)
  assert.ok(contrast.lowest >= 7, `${where}: “${contrast.lowestText}” has a contrast of ${contrast.lowest.toFixed(2)}`)
  let order = -1
  for (let press = 0; press < 12; press++) {
    await page.keyboard.press('Tab')
    const at = await focused(page)
    if (at.order < order) break
    assert.ok(at.outlineWidth >= 2, `${where}: the focus on “${at.text}” cannot be seen`)
    order = at.order
  }
  assert.ok(order > 0, where)
}

/** Zooming in draws the same intervals wider, over a scale that says so. */
async function assertZoomWidens(page: Page): Promise<void> {
  const width = async (): Promise<number> => (await page.locator('.bar-interval').nth(1).boundingBox())?.width ?? 0
  const before = await width()
  await page.getByLabel('Zoom in').press('Space')
  await assertShows(async () => (await width()) > before * 1.05, true)
  await assertShows(async () => (await page.locator('.scale span').first().textContent()) !== '0 %', true)
  await page.getByLabel('Zoom in').press('Space')
}
