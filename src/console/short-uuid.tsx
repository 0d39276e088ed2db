import type { JSX } from 'preact'
import { shortUuid } from './format.ts'

/** Eight digits to look at, all of them on hover. */
export function ShortUuid({ uuid }: { uuid: string }): JSX.Element {
  return (
    <span class="uuid" title={uuid}>
      {shortUuid(uuid)}
    </span>
  )
}
