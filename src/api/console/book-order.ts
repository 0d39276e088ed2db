import type { BookContainer } from '#domain/ecosystem.ts'
import type { Uuid } from '#domain/ids.ts'

/**
 * Events carry no titles, so the console names a container by its place in the book: "Chapter 2", "Page 2.3". A page is
 * nobody's parent, a chapter is the parent of a page, what is above chapters is a unit, and a single root is the book.
 */
export interface BookLine {
  readonly container: Uuid
  readonly kind: 'book' | 'unit' | 'chapter' | 'page'
  /** "2" for a chapter or unit, "2.3" for a page of chapter 2, empty for the book; pages outside chapters: "1", "2". */
  readonly number: string
  /** Steps below the root, for indentation. */
  readonly depth: number
}

/** Depth first, children in listed order. A container whose parent is itself or unknown is a root. */
export function bookOrder(containers: readonly BookContainer[]): BookLine[] {
  const known = new Set(containers.map((container) => container.uuid))
  const roots: Uuid[] = []
  const children = new Map<Uuid, Uuid[]>()
  for (const { uuid, parent } of containers) {
    if (parent === undefined || parent === uuid || !known.has(parent)) roots.push(uuid)
    else children.set(parent, [...(children.get(parent) ?? []), uuid])
  }
  return numberLines(walk(roots, children), roots, children)
}

interface Place {
  readonly container: Uuid
  readonly parent: Uuid | undefined
  readonly depth: number
}

/** An explicit stack: a book is as deep as its sender says, and containers in a circle are never reached. */
function walk(roots: readonly Uuid[], children: ReadonlyMap<Uuid, readonly Uuid[]>): Place[] {
  const places: Place[] = []
  const stack: Place[] = roots.map((container) => ({ container, parent: undefined, depth: 0 })).reverse()
  for (let place = stack.pop(); place !== undefined; place = stack.pop()) {
    places.push(place)
    const { container: parent, depth } = place
    const below = (children.get(parent) ?? []).map((container) => ({ container, parent, depth: depth + 1 }))
    stack.push(...below.reverse())
  }
  return places
}

function numberLines(
  places: readonly Place[],
  roots: readonly Uuid[],
  children: ReadonlyMap<Uuid, readonly Uuid[]>,
): BookLine[] {
  const hasPage = (container: Uuid): boolean => (children.get(container) ?? []).some((child) => !children.has(child))
  const book = roots.length === 1 && children.has(roots[0]!) ? roots[0] : undefined
  const counts = { unit: 0, chapter: 0, page: 0 }
  const chapters = new Map<Uuid, { readonly number: number; pages: number }>()
  return places.map(({ container, parent, depth }): BookLine => {
    if (container === book) return { container, kind: 'book', number: '', depth }
    if (!children.has(container)) {
      const chapter = parent === undefined ? undefined : chapters.get(parent)
      const number = chapter === undefined ? `${++counts.page}` : `${chapter.number}.${++chapter.pages}`
      return { container, kind: 'page', number, depth }
    }
    if (!hasPage(container)) return { container, kind: 'unit', number: `${++counts.unit}`, depth }
    chapters.set(container, { number: ++counts.chapter, pages: 0 })
    return { container, kind: 'chapter', number: `${counts.chapter}`, depth }
  })
}
