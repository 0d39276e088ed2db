import { type ComponentChildren, createContext, type JSX } from 'preact'
import { useContext, useEffect, useId, useRef, useState } from 'preact/hooks'
import type { OperatorDeed } from '#api/console/operator-deeds.ts'
import { keepName, readName, sendDeed } from './deeds.ts'

/** Where the page says what was done. */
export const DeedReport = createContext<(done: string) => void>(() => undefined)

/** A deed but for who and why. */
type Unsigned<Deed> = Deed extends unknown ? Omit<Deed, 'actor' | 'reason'> : never

export interface DeedButtonProps {
  readonly label: string
  /** What the deed is about: makes the names of buttons in a table differ. */
  readonly about: string
  readonly title: string
  /** What will happen, and what to know before. */
  readonly explanation: ComponentChildren
  /** Further fields. */
  readonly children?: ComponentChildren
  readonly deed: () => Unsigned<OperatorDeed>
  /** Said afterwards. */
  readonly done: string
}

/** A button that asks for a reason before it does anything. */
export function DeedButton(props: DeedButtonProps): JSX.Element {
  const [isOpen, setIsOpen] = useState(false)
  const dialog = useRef<HTMLDialogElement>(null)
  const title = useId()
  const open = (): void => {
    setIsOpen(true)
    if (dialog.current?.open === false) dialog.current.showModal()
  }
  return (
    <>
      <button
        type="button"
        class="quiet"
        aria-haspopup="dialog"
        aria-label={`${props.label} ${props.about}`}
        onClick={open}
      >
        {props.label}
      </button>
      {/* The event comes a moment after the dialog was closed; it may be open again by then. */}
      <dialog
        ref={dialog}
        class="deed"
        aria-labelledby={title}
        onClose={(event) => setIsOpen(event.currentTarget.open)}
      >
        {isOpen && (
          <>
            <h2 id={title}>{props.title}</h2>
            <DeedForm {...props} close={() => dialog.current?.close()} />
          </>
        )}
      </dialog>
    </>
  )
}

function DeedForm(props: DeedButtonProps & { readonly close: () => void }): JSX.Element {
  const [reason, setReason] = useState('')
  const [name, setName] = useState(readName())
  const [isSending, setIsSending] = useState(false)
  const [refusal, setRefusal] = useState('')
  const report = useContext(DeedReport)
  const form = useRef<HTMLFormElement>(null)
  // The dialog was shown before this was in it.
  useEffect(() => form.current?.querySelector<HTMLElement>('input, select')?.focus(), [])
  const send = async (): Promise<void> => {
    setIsSending(true)
    setRefusal('')
    keepName(name.trim())
    const deed = { ...props.deed(), actor: name.trim(), reason: reason.trim() } as OperatorDeed
    const problem = await sendDeed(deed)
    setIsSending(false)
    if (problem !== undefined) return setRefusal(problem)
    report(props.done)
    props.close()
  }
  return (
    <form
      ref={form}
      onSubmit={(event) => {
        event.preventDefault()
        void send()
      }}
    >
      <p>{props.explanation}</p>
      {props.children}
      <Field label="Reason" value={reason} onInput={setReason} maxLength={500} />
      <Field label="Your name" value={name} onInput={setName} maxLength={100} />
      <p class="help">Both are kept in the audit.</p>
      <p role="alert" class="refusal">
        {refusal}
      </p>
      <div class="page-buttons">
        <button type="submit" disabled={isSending}>
          {props.label}
        </button>
        <button type="button" onClick={props.close}>
          Cancel
        </button>
      </div>
    </form>
  )
}

/** A line of text that must not be empty. */
export function Field(props: {
  label: string
  value: string
  onInput: (value: string) => void
  maxLength: number
  pattern?: string
  help?: string
}): JSX.Element {
  const id = useId()
  return (
    <>
      <label for={id}>{props.label}</label>
      <input
        id={id}
        type="text"
        required
        autocomplete="off"
        maxLength={props.maxLength}
        pattern={props.pattern ?? '.*\\S.*'}
        title={props.help ?? ''}
        value={props.value}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
    </>
  )
}

export const uuidPattern = '[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}'
