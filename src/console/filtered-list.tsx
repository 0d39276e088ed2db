import type { JSX } from 'preact'
import { useEffect, useId, useState } from 'preact/hooks'
import type { List } from '#api/console/console-data.ts'
import { formatRange, plural } from './format.ts'

/** Lists that are longer than a page: found by the beginning of a uuid, turned by the last uuid of the page before. */
export interface ListPages {
  /** Lines on the pages before this one. */
  readonly before: number
  readonly query: { readonly after?: string }
  next(lastUuid: string, lines: number): void
  previous(): void
}

interface Turned {
  readonly after: string
  readonly lines: number
}

/** Back at the first page whenever `filter` changes. */
export function useListPages(filter: string): ListPages {
  const [turned, setTurned] = useState<readonly Turned[]>([])
  useEffect(() => setTurned([]), [filter])
  const after = turned.at(-1)?.after
  return {
    before: turned.reduce((sum, page) => sum + page.lines, 0),
    query: after === undefined ? {} : { after },
    next: (lastUuid, lines) => setTurned([...turned, { after: lastUuid, lines }]),
    previous: () => setTurned(turned.slice(0, -1)),
  }
}

interface PageButtonsProps {
  readonly pages: ListPages
  readonly list: List<unknown>
  readonly lastUuid: string | undefined
  /** What is listed, for one and for many: `['course', 'courses']`. */
  readonly what: readonly [one: string, many: string]
}

export function PageButtons({ pages, list, lastUuid, what }: PageButtonsProps): JSX.Element {
  const last = pages.before + list.lines.length
  const total = plural(list.total, what[0], what[1])
  if (pages.before === 0 && last >= list.total) return <p class="help">{total}</p>
  return (
    <div class="page-buttons">
      <button type="button" class="quiet" disabled={pages.before === 0} onClick={pages.previous}>
        Previous
      </button>
      <button
        type="button"
        class="quiet"
        disabled={last >= list.total || lastUuid === undefined}
        onClick={() => lastUuid !== undefined && pages.next(lastUuid, list.lines.length)}
      >
        Next
      </button>
      <span class="help">
        {formatRange(pages.before + 1, last)} of {total}
      </span>
    </div>
  )
}

interface FilterFieldProps {
  readonly label: string
  readonly value: string
  onChange(value: string): void
}

/** Takes what can be the beginning of a uuid; a whole pasted one as well. */
export function FilterField({ label, value, onChange }: FilterFieldProps): JSX.Element {
  const id = useId()
  return (
    <div class="filter">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="search"
        value={value}
        placeholder="begins with…"
        spellcheck={false}
        autocomplete="off"
        maxLength={36}
        onInput={(event) => {
          const kept = event.currentTarget.value.toLowerCase().replaceAll(/[^0-9a-f-]/g, '')
          event.currentTarget.value = kept
          onChange(kept)
        }}
      />
    </div>
  )
}
