import type { CDPSession, Page } from 'playwright-core'

/** Checks of a page as it is shown: what a screen reader is told, and what eyes can tell apart. */

export interface AccessibilityNode {
  readonly ignored: boolean
  readonly role?: { readonly value: string }
  readonly name?: { readonly value: string }
}

const namedRoles = new Set(['link', 'button', 'textbox', 'searchbox', 'checkbox', 'table', 'region', 'navigation'])

/** Roles of the accessibility tree that must have a name and have none. */
export function unnamedRoles(tree: readonly AccessibilityNode[]): string[] {
  return tree.flatMap(({ role, name }) =>
    role !== undefined && namedRoles.has(role.value) && (name?.value ?? '').trim() === '' ? [role.value] : [],
  )
}

/** Names of all nodes of one role, in document order. */
export function namesOf(tree: readonly AccessibilityNode[], roleName: string): string[] {
  return tree.flatMap(({ role, name }) => (role?.value === roleName ? [(name?.value ?? '').trim()] : []))
}

/** What the browser tells a screen reader. */
export async function accessibilityTree(page: Page): Promise<AccessibilityNode[]> {
  const session: CDPSession = await page.context().newCDPSession(page)
  try {
    const { nodes } = (await session.send('Accessibility.getFullAXTree')) as { nodes: AccessibilityNode[] }
    return nodes.filter((node) => !node.ignored)
  } finally {
    await session.detach()
  }
}

export interface ContrastReport {
  readonly texts: number
  readonly lowest: number
  readonly lowestText: string
}

/** Contrast (WCAG 2) of every visible text with what is painted behind it; disabled controls are exempt. */
export function contrastOf(page: Page): Promise<ContrastReport> {
  return page.evaluate(() => {
    type Color = readonly [red: number, green: number, blue: number, alpha: number]
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
    if (canvas === null) throw new Error('no canvas')
    const colors = new Map<string, Color>()
    const colorOf = (text: string): Color => {
      const known = colors.get(text)
      if (known !== undefined) return known
      canvas.clearRect(0, 0, 1, 1)
      canvas.fillStyle = text
      canvas.fillRect(0, 0, 1, 1)
      const [red = 0, green = 0, blue = 0, alpha = 0] = canvas.getImageData(0, 0, 1, 1).data
      const color = [red, green, blue, alpha / 255] as const
      colors.set(text, color)
      return color
    }
    const over = (top: Color, under: Color): Color => {
      const mix = (a: number, b: number): number => a * top[3] + b * (1 - top[3])
      return [mix(top[0], under[0]), mix(top[1], under[1]), mix(top[2], under[2]), 1]
    }
    const behind = (element: Element | null): Color => {
      if (element === null) return [255, 255, 255, 1]
      const color = colorOf(getComputedStyle(element).backgroundColor)
      return color[3] === 1 ? color : over(color, behind(element.parentElement))
    }
    const luminance = (color: Color): number => {
      const [red, green, blue] = [color[0], color[1], color[2]].map((part) => {
        const share = part / 255
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
      }) as [number, number, number]
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
    let report = { texts: 0, lowest: Number.POSITIVE_INFINITY, lowestText: '' }
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      const element = node.parentElement
      const text = node.textContent?.trim() ?? ''
      if (element === null || text === '' || element.closest('button:disabled, noscript') !== null) continue
      if (!element.checkVisibility({ visibilityProperty: true })) continue
      const ground = behind(element)
      const { color, fill } = getComputedStyle(element)
      const ink = luminance(over(colorOf(element instanceof SVGElement ? fill : color), ground))
      const paper = luminance(ground)
      const contrast = (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05)
      const isLowest = contrast < report.lowest
      report = {
        texts: report.texts + 1,
        lowest: isLowest ? contrast : report.lowest,
        lowestText: isLowest ? text : report.lowestText,
      }
    }
    return report
  })
}

export interface Focused {
  readonly text: string
  readonly outlineWidth: number
  /** Place in the document: an ascending row of these is the order of reading. */
  readonly order: number
}

/** What has the focus now. */
export function focused(page: Page): Promise<Focused> {
  return page.evaluate(() => {
    const element = document.activeElement
    if (element === null) throw new Error('nothing has the focus')
    const style = getComputedStyle(element)
    const label = element instanceof HTMLInputElement ? element.labels?.[0]?.textContent : element.textContent
    return {
      text: (label ?? '').trim(),
      outlineWidth: style.outlineStyle === 'none' ? 0 : Number.parseFloat(style.outlineWidth),
      order: [...document.querySelectorAll('*')].indexOf(element),
    }
  })
}
