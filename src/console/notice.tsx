import type { ComponentChildren, JSX } from 'preact'
import type { Live } from './live.ts'

/** Calm words in the place of content: nothing here, still loading, or something to look at. */
export function Notice(props: { kind: 'empty' | 'attention'; children: ComponentChildren }): JSX.Element {
  return <p class={`notice notice-${props.kind}`}>{props.children}</p>
}

/** What to show for a live view that is not ready. The words appear only when loading takes long enough to notice. */
export function NotReady({ live, what }: { live: Live<unknown>; what: string }): JSX.Element | null {
  if (live.state === 'ready') return null
  if (live.state === 'missing') return <Notice kind="empty">The server knows no such {what}.</Notice>
  if (live.state === 'failed') {
    return (
      <Notice kind="attention">
        The server could not read this {what} (status {live.status}). The reason is in its log; this page keeps asking.
      </Notice>
    )
  }
  return (
    <p class="notice notice-loading" aria-busy="true">
      Loading {what}…
    </p>
  )
}
