import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { ConnectionBanner, ConnectionStatus } from './connection-status.tsx'
import { CoursePage } from './course-page.tsx'
import { useConnection } from './live.ts'
import { MatrixPage } from './matrix-page.tsx'
import { currentIf, Link, NavigationContext } from './navigation.tsx'
import { Notice } from './notice.tsx'
import { OperationsPage } from './operations-page.tsx'
import { OverviewPage } from './overview-page.tsx'
import { type Page, pageOf } from './router.ts'
import { ThemeButton } from './theme-button.tsx'
import { TokenForm } from './token-form.tsx'

/** The frame around every page: skip link, header, the state of the line, and the page that the address names. */
export function Application(): JSX.Element {
  const [path, setPath] = useState(location.pathname)
  const main = useRef<HTMLElement>(null)
  const page = pageOf(path)
  const pageKey = 'course' in page ? page.course : page.name
  const isLocked = useConnection().state === 'locked'

  useEffect(() => {
    const follow = (): void => setPath(location.pathname)
    addEventListener('popstate', follow)
    return () => removeEventListener('popstate', follow)
  }, [])

  const isFirst = useRef(true)
  // A new page begins at its heading, for eyes and for a screen reader. Within a course the focus stays in the list.
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false
      return
    }
    scrollTo(0, 0)
    main.current?.focus()
  }, [pageKey])

  const navigate = (to: string): void => {
    if (to !== location.pathname) history.pushState(null, '', to)
    setPath(to)
  }
  return (
    <NavigationContext.Provider value={{ path, navigate }}>
      <a class="skip-link" href="#main">
        Skip to content
      </a>
      <header class="top">
        <div class="top-inner">
          <Link class="wordmark" to="/console">
            Biglearn <span>console</span>
          </Link>
          <nav aria-label="Main" class="main-links">
            <Link to="/console" {...currentIf(page.name === 'overview')}>
              Overview
            </Link>
            <Link to="/console/operations" {...currentIf(page.name === 'operations')}>
              Operations
            </Link>
          </nav>
          <ConnectionStatus />
          <ThemeButton />
        </div>
      </header>
      <ConnectionBanner />
      <main id="main" ref={main} tabIndex={-1}>
        {isLocked ? <TokenForm /> : <PageContent key={pageKey} page={page} />}
      </main>
    </NavigationContext.Provider>
  )
}

function PageContent({ page }: { page: Page }): JSX.Element {
  if (page.name === 'overview') return <OverviewPage />
  if (page.name === 'operations') return <OperationsPage />
  if (page.name === 'matrix') return <MatrixPage matrix={page.matrix} />
  if (page.name !== 'unknown') return <CoursePage view={page} />
  return (
    <UnknownPage>
      There is no page at <code>{page.path}</code>.
    </UnknownPage>
  )
}

function UnknownPage({ children }: { children: ComponentChildren }): JSX.Element {
  useEffect(() => {
    document.title = 'Not found · Biglearn console'
  }, [])
  return (
    <>
      <h1>Not found</h1>
      <Notice kind="empty">
        {children} <Link to="/console">Go to the overview</Link>
      </Notice>
    </>
  )
}
