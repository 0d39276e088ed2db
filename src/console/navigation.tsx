import { type ComponentChildren, createContext, type JSX } from 'preact'
import { useContext } from 'preact/hooks'

/** Links that change the page without loading it again, and stay real links: they open in a new tab like any other. */
export interface Navigation {
  readonly path: string
  navigate(to: string): void
}

export const NavigationContext = createContext<Navigation>({ path: '/', navigate: () => undefined })

interface LinkProps {
  readonly to: string
  readonly class?: string
  readonly children: ComponentChildren
  readonly 'aria-current'?: 'page'
  readonly 'data-row-link'?: boolean
}

export function Link({ to, children, ...rest }: LinkProps): JSX.Element {
  const { navigate } = useContext(NavigationContext)
  return (
    <a
      {...rest}
      href={to}
      onClick={(event) => {
        if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return
        event.preventDefault()
        navigate(to)
      }}
    >
      {children}
    </a>
  )
}

/** Marks the link that leads to where one is. */
export function currentIf(isCurrent: boolean): { readonly 'aria-current'?: 'page' } {
  return isCurrent ? { 'aria-current': 'page' } : {}
}

/** Arrow keys, Home and End move between the row links of a list or table; Tab still walks them one by one. */
export function moveBetweenRows(event: KeyboardEvent & { readonly currentTarget: Element }): void {
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('[data-row-link]')]
  if (rows.length === 0) return
  const at = rows.indexOf(document.activeElement as HTMLElement)
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key]
  if (to === undefined) return
  // In a text field Home and End belong to the text, and only the arrow down leaves it.
  if (at === -1 && event.key !== 'ArrowDown') return
  event.preventDefault()
  rows[Math.min(Math.max(to, 0), rows.length - 1)]?.focus()
}
