/**
 * Pages of the console and their addresses, both ways. The server answers the same paths with the application
 * (`src/api/console/console-plugin.ts`), so that each page can be linked, reloaded and reached with the back button.
 */
export type Page =
  | { readonly name: 'overview' }
  | { readonly name: 'operations' }
  | { readonly name: 'matrix'; readonly matrix: string }
  | { readonly name: 'course'; readonly course: string; readonly subject: Subject }
  | { readonly name: 'stream'; readonly course: string }
  | { readonly name: 'basis'; readonly course: string; readonly student: string; readonly container: string }
  | { readonly name: 'assignments'; readonly course: string; readonly student: string; readonly assignment?: string }
  | { readonly name: 'unknown'; readonly path: string }

export type KnownPage = Exclude<Page, { readonly name: 'unknown' }>

/** Pages that show one course. */
export type CourseView = Extract<Page, { readonly course: string }>

/** Who a forecast is about. */
export type Subject =
  | { readonly kind: 'class' }
  | { readonly kind: 'container'; readonly uuid: string }
  | { readonly kind: 'student'; readonly uuid: string }

export function pathOf(page: KnownPage): string {
  if (page.name === 'overview') return '/console'
  if (page.name === 'operations') return '/console/operations'
  if (page.name === 'matrix') return `/console/matrices/${page.matrix}`
  const course = `/console/courses/${page.course}`
  if (page.name === 'stream') return `${course}/stream`
  if (page.name === 'basis') return `${course}/students/${page.student}/basis/${page.container}`
  if (page.name === 'assignments') {
    const assignments = `${course}/students/${page.student}/assignments`
    return page.assignment === undefined ? assignments : `${assignments}/${page.assignment}`
  }
  if (page.subject.kind === 'class') return course
  return `${course}/${page.subject.kind === 'student' ? 'students' : 'containers'}/${page.subject.uuid}`
}

/** Patterns of everything below `/console`; `*` stands for a uuid. */
const patterns: { readonly [pattern: string]: (uuids: readonly [string, string, string]) => KnownPage } = {
  '': () => ({ name: 'overview' }),
  operations: () => ({ name: 'operations' }),
  'matrices/*': ([matrix]) => ({ name: 'matrix', matrix }),
  'courses/*': ([course]) => ({ name: 'course', course, subject: { kind: 'class' } }),
  'courses/*/stream': ([course]) => ({ name: 'stream', course }),
  'courses/*/students/*': ([course, uuid]) => ({ name: 'course', course, subject: { kind: 'student', uuid } }),
  'courses/*/containers/*': ([course, uuid]) => ({ name: 'course', course, subject: { kind: 'container', uuid } }),
  'courses/*/students/*/basis/*': ([course, student, container]) => ({ name: 'basis', course, student, container }),
  'courses/*/students/*/assignments': ([course, student]) => ({ name: 'assignments', course, student }),
  'courses/*/students/*/assignments/*': ([course, student, assignment]) => ({
    name: 'assignments',
    course,
    student,
    assignment,
  }),
}

export function pageOf(path: string): Page {
  const [root, ...parts] = path.split('/').filter((part) => part !== '')
  if (root === undefined) return { name: 'overview' }
  const lowered = parts.map((part) => part.toLowerCase())
  const uuids = lowered.filter(isUuid)
  const pattern = lowered.map((part) => (isUuid(part) ? '*' : part)).join('/')
  const build = root === 'console' && Object.hasOwn(patterns, pattern) ? patterns[pattern] : undefined
  return build?.([uuids[0] ?? '', uuids[1] ?? '', uuids[2] ?? '']) ?? { name: 'unknown', path }
}

function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
}
