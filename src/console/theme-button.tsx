import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'

const themeKey = 'biglearn-theme'
type Theme = 'light' | 'dark'

/** The system's choice until somebody chooses otherwise: a projector wants light in a room that wants dark. */
export function ThemeButton(): JSX.Element {
  const system = matchMedia('(prefers-color-scheme: dark)')
  const [chosen, setChosen] = useState(() => localStorage.getItem(themeKey) as Theme | null)
  const [isSystemDark, setSystemDark] = useState(system.matches)
  const theme: Theme = chosen ?? (isSystemDark ? 'dark' : 'light')
  useEffect(() => {
    const follow = (): void => setSystemDark(system.matches)
    system.addEventListener('change', follow)
    return () => system.removeEventListener('change', follow)
  }, [])
  useEffect(() => {
    document.documentElement.dataset['theme'] = theme
    dispatchEvent(new Event(themeChanged))
  }, [theme])
  const other: Theme = theme === 'dark' ? 'light' : 'dark'
  return (
    <button
      type="button"
      class="quiet"
      onClick={() => {
        localStorage.setItem(themeKey, other)
        setChosen(other)
      }}
    >
      {other === 'dark' ? 'Dark' : 'Light'} colours
    </button>
  )
}

/** Fired on `window` after the colours changed, for what is drawn on a canvas. */
export const themeChanged = 'biglearn-theme-changed'
