import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { keepToken } from './connection.ts'
import { useConnection } from './live.ts'

/** Asks once for the operator token (the server answered 401) and keeps it for this tab. */
export function TokenForm(): JSX.Element {
  const { isRefused } = useConnection()
  const [token, setToken] = useState('')
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    document.title = 'Operator token · Biglearn console'
    input.current?.focus()
  }, [])
  return (
    <form
      class="token-form"
      onSubmit={(event) => {
        event.preventDefault()
        if (token.trim() !== '') keepToken(token.trim())
      }}
    >
      <h1>Operator token</h1>
      <p>This console shows courses and students by id, so the server asks who you are.</p>
      <label for="token">Token</label>
      <input
        id="token"
        ref={input}
        type="password"
        autocomplete="current-password"
        required
        value={token}
        aria-describedby="token-help"
        {...(isRefused ? { 'aria-invalid': true } : {})}
        onInput={(event) => setToken(event.currentTarget.value)}
      />
      <p id="token-help" class="help">
        The value of <code>BIGLEARN_OPERATOR_TOKEN</code>. It is kept in this tab until you close it.
      </p>
      <p role="alert" class="refusal">
        {isRefused ? 'The server refused this token.' : ''}
      </p>
      <button type="submit">Open the console</button>
    </form>
  )
}
