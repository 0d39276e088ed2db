/**
 * Pages of the console and their addresses, both ways. The server answers the same paths with the application
 * (`src/api/console/console-plugin.ts`), so that each page can be linked, reloaded and reached with the back button.
 */
export type Page =
  | { readonly name: 'overview' }
  | { readonly name: 'course'; readonly course: string; readonly subject: Subject }
  | { readonly name: 'stream'; readonly course: string }
  | { readonly name: 'unknown'; readonly path: string }

/** Who a forecast is about. */
export type Subject =
  | { readonly kind: 'class' }
  | { readonly kind: 'container'; readonly uuid: string }
  | { readonly kind: 'student'; readonly uuid: string }

export function pathOf(page: Exclude<Page, { name: 'unknown' }>): string {
  if (page.name === 'overview') return '/console'
  const course = `/console/courses/${page.course}`
  if (page.name === 'stream') return `${course}/stream`
  if (page.subject.kind === 'class') return course
  return `${course}/${page.subject.kind === 'student' ? 'students' : 'containers'}/${page.subject.uuid}`
}

export function pageOf(path: string): Page {
  const parts = path.split('/').filter((part) => part !== '')
  const unknown: Page = { name: 'unknown', path }
  if (parts.length === 0) return { name: 'overview' }
  if (parts[0] !== 'console') return unknown
  if (parts.length === 1) return { name: 'overview' }
  const course = parts[2]?.toLowerCase()
  if (parts[1] !== 'courses' || course === undefined || !isUuid(course)) return unknown
  return pageOfCourse(course, parts.slice(3)) ?? unknown
}

function pageOfCourse(course: string, rest: readonly string[]): Page | undefined {
  if (rest.length === 0) return { name: 'course', course, subject: { kind: 'class' } }
  if (rest.length === 1 && rest[0] === 'stream') return { name: 'stream', course }
  const uuid = rest[1]?.toLowerCase()
  if (rest.length !== 2 || uuid === undefined || !isUuid(uuid)) return undefined
  if (rest[0] === 'students') return { name: 'course', course, subject: { kind: 'student', uuid } }
  if (rest[0] === 'containers') return { name: 'course', course, subject: { kind: 'container', uuid } }
  return undefined
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
}
