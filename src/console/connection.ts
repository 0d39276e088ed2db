/**
 * The line to the server, shared by every view on the page. A view that could not be read makes the line `lost` and the
 * next one that can makes it `live`; a 401 makes it `locked` until a token is given. The page says so in each case.
 */
export interface Connection {
  readonly state: 'connecting' | 'live' | 'lost' | 'locked'
  /** When the state began, by the browser's clock. */
  readonly since: number
  /** The last answer of the server, by the browser's clock; 0 before the first one. */
  readonly lastAnswerAt: number
  /** Set after a loss: whether the same server process came back or another one. */
  readonly cameBack: 'same' | 'restarted' | undefined
  /** A token was given and refused. */
  readonly isRefused: boolean
}

type Outcome =
  | { readonly kind: 'answered'; readonly instance: string }
  | { readonly kind: 'lost' }
  | { readonly kind: 'locked' }

export class ConnectionState {
  #connection: Connection = {
    state: 'connecting',
    since: Date.now(),
    lastAnswerAt: 0,
    cameBack: undefined,
    isRefused: false,
  }
  #instance = ''
  #clockOffsetMs = 0
  readonly #listeners = new Set<() => void>()

  get current(): Connection {
    return this.#connection
  }

  /** Now by the server's clock: ages of things that the server has dated. */
  serverNow(): number {
    return Date.now() + this.#clockOffsetMs
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  answered(response: Response): void {
    const date = Date.parse(response.headers.get('date') ?? '')
    // The header has whole seconds: within one of them the browser's clock is as good.
    if (!Number.isNaN(date) && Math.abs(date - this.serverNow()) > 1_500) this.#clockOffsetMs = date - Date.now()
    this.#report({ kind: 'answered', instance: response.headers.get('biglearn-instance') ?? '' })
  }

  lost(): void {
    this.#report({ kind: 'lost' })
  }

  locked(): void {
    this.#report({ kind: 'locked' })
  }

  /** Somebody gave a token: views may ask again. */
  unlock(): void {
    this.#change({ ...this.#connection, state: 'connecting', since: Date.now(), cameBack: undefined })
  }

  #report(outcome: Outcome): void {
    const before = this.#connection
    if (outcome.kind === 'locked') {
      const isRefused = readToken() !== ''
      this.#change({ ...before, state: 'locked', since: Date.now(), cameBack: undefined, isRefused })
      return
    }
    if (outcome.kind === 'lost') {
      if (before.state === 'live' || before.state === 'connecting') {
        this.#change({ ...before, state: 'lost', since: Date.now(), cameBack: undefined })
      }
      return
    }
    const lastAnswerAt = Date.now()
    if (before.state === 'live') {
      this.#connection = { ...before, lastAnswerAt }
    } else {
      const wasLost = before.state === 'lost' && this.#instance !== ''
      const isSame = outcome.instance === this.#instance
      const cameBack = wasLost ? (isSame ? 'same' : 'restarted') : undefined
      this.#change({ state: 'live', since: lastAnswerAt, lastAnswerAt, cameBack, isRefused: false })
    }
    this.#instance = outcome.instance
  }

  #change(connection: Connection): void {
    this.#connection = connection
    for (const listener of this.#listeners) listener()
  }
}

export const connection = new ConnectionState()

const tokenKey = 'biglearn-operator-token'

/** Kept for this tab only: it is asked for once, and gone when the tab is closed. */
export function readToken(): string {
  return sessionStorage.getItem(tokenKey) ?? ''
}

export function keepToken(token: string): void {
  sessionStorage.setItem(tokenKey, token)
  connection.unlock()
}
