import type { Uuid } from '#domain/ids.ts'
import { type Change, copyOf, emptyState, type State, withChanges } from './state.ts'
import type { ProcessTime, VirtualTime } from './virtual-time.ts'

/*
 * What PostgreSQL is to log and crew, in memory and on virtual time: sessions whose statements and answers travel, row
 * locks in the order of asking that live to the end of a transaction, statements that see what was committed when they
 * began, a commit whose answer is lost, sessions ended for idling, a standby that lags, crashes and failovers. What a
 * transaction wrote is seen by others at its commit.
 */
export interface ServerFaults {
  /** Share of answers that are lost although the statement took effect. */
  lostAnswers: number
  delayMsMax: number
  /** How far the standby is behind. */
  standbyLagMs: number
}

export const quietFaults: ServerFaults = { lostAnswers: 0, delayMsMax: 4, standbyLagMs: 0 }

/** As the driver reports it: a SQLSTATE, or a connection that is gone. */
export class ServerError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.name = 'ServerError'
    this.code = code
  }
}

export function connectionLost(): ServerError {
  return new ServerError('ECONNRESET', 'Connection terminated unexpectedly')
}

export const sqlState = {
  lockTimeout: '55P03',
  deadlock: '40P01',
  statementTimeout: '57014',
  idleInTransaction: '25P03',
  shutdown: '57P01',
  uniqueViolation: '23505',
} as const

/** After this a statement without an answer is given up (streams.md R8, TCP). */
const noAnswerMs = 2000

interface Commit {
  readonly changes: readonly Change[]
  readonly atMs: number
  /** The client waited for the disk: lost in no crash. */
  readonly isDurable: boolean
}

/** Told of everything that took effect, in order; what it throws fails the run. */
export interface Observer {
  committed(session: ServerSession, state: State): void
  /** The state went back: `lost` commits are gone. */
  restored(lost: number, isLossy: boolean): void
  /** A statement was carried out. `answer` as given to the client. */
  statement(session: ServerSession, statement: Statement): void
  /** An operator did something. */
  operated?(name: string, words: readonly unknown[]): void
}

export interface Statement {
  readonly name: string
  readonly words: readonly unknown[]
  readonly answer: unknown
  /** The server's clock when it began. */
  readonly atMs: number
  /** Statements that conflict took effect in this order. */
  readonly order: number
  /** It gave up waiting for a row, and went on without it. */
  readonly gaveUp: boolean
}

interface Waiter {
  readonly session: ServerSession
  grant(): void
}

export class SimulatedServer {
  readonly time: VirtualTime
  readonly faults: ServerFaults
  readonly observers: Observer[] = []
  state: State = emptyState()
  /** Added to its clock. */
  clockJumpMs = 0
  deadlocks = 0
  isDown = false
  /** Processes that the network does not let through: the server hears nothing of them, not even that they close. */
  readonly unreachable = new Set<ProcessTime>()
  readonly #sessions = new Set<ServerSession>()
  readonly #holders = new Map<string, ServerSession>()
  readonly #waiters = new Map<string, Waiter[]>()
  #standby: State = emptyState()
  /** What the standby has not got yet. */
  #unsent: Commit[] = []
  #sessionCount = 0
  #order = 0

  constructor(time: VirtualTime, faults: ServerFaults = { ...quietFaults }) {
    this.time = time
    this.faults = faults
  }

  nowMs(): number {
    return this.time.nowMs + this.clockJumpMs
  }

  /** Before anybody is connected. */
  prepare(change: Change): void {
    change(this.state)
    change(this.#standby)
  }

  /** What an operator does, in a transaction of its own that waits for nothing. */
  change(change: Change): void {
    change(this.state)
    this.#unsent.push({ changes: [change], atMs: this.time.nowMs, isDurable: true })
  }

  async connect(process: ProcessTime, purpose: string): Promise<ServerSession> {
    await this.travel()
    await process.awake()
    if (this.unreachable.has(process)) await this.#noAnswer()
    if (this.isDown) throw new ServerError('ECONNREFUSED', 'connect ECONNREFUSED')
    this.#sessionCount += 1
    const session = new ServerSession(this, process, this.#sessionCount, purpose)
    this.#sessions.add(session)
    return session
  }

  async #noAnswer(): Promise<never> {
    await this.time.sleep(noAnswerMs)
    throw connectionLost()
  }

  /** The network lets the process through again; what it gave up meanwhile is noticed. */
  reach(process: ProcessTime): void {
    this.unreachable.delete(process)
    for (const session of [...this.#sessions]) if (session.process === process) session.end('ECONNRESET')
  }

  /** Throws after a while when the server can not be asked by this process. */
  async ask(process: ProcessTime): Promise<void> {
    if (this.unreachable.has(process)) await this.#noAnswer()
  }

  /** A statement on a connection of a pool that nobody else uses meanwhile. */
  async once<Answer>(
    process: ProcessTime,
    name: string,
    words: readonly unknown[],
    work: (session: ServerSession) => Answer | Promise<Answer>,
    purpose = 'pool',
  ): Promise<Answer> {
    const session = await this.connect(process, purpose)
    try {
      return await session.call(name, words, () => work(session))
    } finally {
      session.close()
    }
  }

  nextOrder(): number {
    this.#order += 1
    return this.#order
  }

  travel(): Promise<void> {
    return this.time.sleep(this.time.random() * this.faults.delayMsMax)
  }

  /** What a reader of the standby sees. */
  standby(): State {
    const untilMs = this.time.nowMs - this.faults.standbyLagMs
    while (this.#unsent.length > 0 && this.#unsent[0]!.atMs <= untilMs) this.#send()
    return this.#standby
  }

  #send(): void {
    const commit = this.#unsent.shift()
    for (const change of commit?.changes ?? []) change(this.#standby)
  }

  commit(session: ServerSession, changes: readonly Change[], isDurable: boolean): void {
    if (changes.length === 0) return
    for (const change of changes) change(this.state)
    this.#unsent.push({ changes, atMs: this.time.nowMs, isDurable })
    if (this.#unsent.length > 1000) this.standby()
    for (const observer of this.observers) observer.committed(session, this.state)
  }

  /** kill -9 of the database: commits that did not wait for the disk may be lost, from the last one backwards. */
  crash(downMs: number): void {
    const durable = this.#unsent.findLastIndex((commit) => commit.isDurable) + 1
    const keep = durable + this.time.below(this.#unsent.length - durable + 1)
    this.#goOnFrom(keep, false, downMs)
  }

  /** The standby takes over: a synchronous one has every commit, another one lacks the last. */
  failover(kind: 'synchronous' | 'lossy', downMs: number): void {
    if (kind === 'lossy') this.standby()
    this.#goOnFrom(kind === 'lossy' ? 0 : this.#unsent.length, kind === 'lossy', downMs)
  }

  #goOnFrom(keep: number, isLossy: boolean, downMs: number): void {
    for (const session of [...this.#sessions]) session.end(sqlState.shutdown)
    const lost = this.#unsent.length - keep
    for (let sent = 0; sent < keep; sent += 1) this.#send()
    this.#unsent = []
    if (lost > 0) this.state = copyOf(this.#standby)
    for (const observer of this.observers) observer.restored(lost, isLossy)
    this.isDown = true
    void this.time.sleep(downMs).then(() => {
      this.isDown = false
    })
  }

  /** A killed process: its idle sessions end at once, busy ones when their statement does. */
  gone(process: ProcessTime): void {
    for (const session of [...this.#sessions]) if (session.process === process) session.close()
  }

  /** Ends the sessions of one process, or one of anybody's, as a network does. */
  cut(session: ServerSession): void {
    session.end('ECONNRESET')
  }

  sessions(): ServerSession[] {
    return [...this.#sessions]
  }

  forget(session: ServerSession): void {
    this.#sessions.delete(session)
  }

  /** Resolves when the lock is had; the holder keeps it until `unlock`. */
  async lock(session: ServerSession, key: string, timeoutMs: number, timeoutCode: string): Promise<void> {
    const holder = this.#holders.get(key)
    if (holder === session) return
    if (holder === undefined) {
      this.#holders.set(key, session)
      session.held.add(key)
      return
    }
    if (this.#wouldDeadlock(session, holder)) {
      this.deadlocks += 1
      throw new ServerError(sqlState.deadlock, 'deadlock detected')
    }
    const over = new AbortController()
    const waiter: Waiter = { session, grant: () => over.abort(isOver) }
    const queue = this.#waiters.get(key) ?? []
    this.#waiters.set(key, queue)
    queue.push(waiter)
    session.waitsFor = key
    await this.time.sleep(timeoutMs, AbortSignal.any([over.signal, session.ended]))
    session.waitsFor = undefined
    if (queue.includes(waiter)) queue.splice(queue.indexOf(waiter), 1)
    session.check()
    if (this.#holders.get(key) === session) return
    session.gaveUp = true
    throw new ServerError(timeoutCode, 'canceling statement due to time-out')
  }

  isLocked(key: string): boolean {
    return this.#holders.has(key)
  }

  unlock(session: ServerSession): void {
    for (const key of session.held) {
      const queue = this.#waiters.get(key) ?? []
      // Who ended in the same instant is still in the queue.
      while (queue[0]?.session.ended.aborted === true) queue.shift()
      const next = queue.shift()
      if (next === undefined) {
        this.#holders.delete(key)
        continue
      }
      this.#holders.set(key, next.session)
      next.session.held.add(key)
      next.grant()
    }
    session.held.clear()
  }

  #wouldDeadlock(session: ServerSession, holder: ServerSession): boolean {
    let at: ServerSession | undefined = holder
    for (let steps = 0; at !== undefined && steps < 100; steps += 1) {
      if (at === session) return true
      at = at.waitsFor === undefined ? undefined : this.#holders.get(at.waitsFor)
    }
    return false
  }
}

export interface Limits {
  readonly lockTimeoutMs: number
  readonly idleTimeoutMs: number
}

export class ServerSession {
  readonly server: SimulatedServer
  readonly process: ProcessTime
  readonly id: number
  readonly purpose: string
  readonly held = new Set<string>()
  waitsFor: string | undefined
  gaveUp = false
  /** What the open transaction will change. */
  changes: Change[] = []
  /** For the observers: what the transaction did. */
  notes: unknown[] = []
  onEnd: ((lastWords: Error) => void) | undefined
  readonly #ending = new AbortController()
  #limits: Limits | undefined
  #idle: AbortController | undefined
  #isBusy = false
  /** When the statement in hand let go of its locks. */
  #order: number | undefined
  #isClientGone = false

  constructor(server: SimulatedServer, process: ProcessTime, id: number, purpose: string) {
    this.server = server
    this.process = process
    this.id = id
    this.purpose = purpose
  }

  get ended(): AbortSignal {
    return this.#ending.signal
  }

  get isInTransaction(): boolean {
    return this.#limits !== undefined
  }

  get lockTimeoutMs(): number {
    return this.#limits?.lockTimeoutMs ?? 5000
  }

  check(): void {
    if (this.ended.aborted) throw connectionLost()
  }

  /** A statement: it travels, is carried out, and its answer travels back, unless it is lost. */
  async call<Answer>(name: string, words: readonly unknown[], work: () => Answer | Promise<Answer>): Promise<Answer> {
    const { server, process } = this
    await server.travel()
    await server.ask(process)
    this.check()
    const answer = await this.#carryOut(name, words, work).catch((error: unknown) => {
      if (error instanceof ServerError) return error
      throw error
    })
    await server.travel()
    await process.awake()
    await server.ask(process)
    if (server.time.random() < server.faults.lostAnswers) {
      this.end('ECONNRESET')
      throw connectionLost()
    }
    if (answer instanceof ServerError) throw answer
    return answer
  }

  async #carryOut<Answer>(name: string, words: readonly unknown[], work: () => Answer | Promise<Answer>) {
    this.#idle?.abort(isOver)
    this.#isBusy = true
    this.#order = undefined
    this.gaveUp = false
    const atMs = this.server.nowMs()
    try {
      const answer = await work()
      const statement = {
        name,
        words,
        answer,
        atMs,
        order: this.#order ?? this.server.nextOrder(),
        gaveUp: this.gaveUp,
      }
      for (const observer of this.server.observers) observer.statement(this, statement)
      return answer
    } finally {
      this.#isBusy = false
      if (this.#isClientGone) this.end('ECONNRESET')
      else if (this.isInTransaction) this.#watchIdle()
    }
  }

  /** What a statement of this session sees: what is committed, and its own changes. */
  view(): State {
    return withChanges(this.server.state, this.changes)
  }

  /** Between two statements of one function, or parts of one statement: others may go on. */
  async step(): Promise<void> {
    await this.server.time.sleep(this.server.time.random())
    this.check()
  }

  lock(key: string, timeoutCode: string = sqlState.lockTimeout, timeoutMs = this.lockTimeoutMs): Promise<void> {
    return this.server.lock(this, key, timeoutMs, timeoutCode)
  }

  begin(limits: Limits): void {
    this.#limits = limits
  }

  commit(isDurable: boolean): void {
    this.check()
    this.#order = this.server.nextOrder()
    this.server.commit(this, this.changes, isDurable)
    this.#over()
  }

  rollback(): void {
    this.#order = this.server.nextOrder()
    this.#over()
  }

  #over(): void {
    this.changes = []
    this.notes = []
    this.#limits = undefined
    this.#idle?.abort(isOver)
    this.server.unlock(this)
  }

  /** The client closes it, or is dead. */
  close(): void {
    this.onEnd = undefined
    if (this.server.unreachable.has(this.process)) return
    if (this.#isBusy) this.#isClientGone = true
    else this.end('ECONNRESET')
  }

  end(code: string): void {
    if (this.ended.aborted) return
    const statement = {
      name: 'end',
      words: [],
      answer: undefined,
      atMs: 0,
      order: this.server.nextOrder(),
      gaveUp: false,
    }
    for (const observer of this.server.observers) observer.statement(this, statement)
    this.#ending.abort(isOver)
    this.#over()
    this.server.forget(this)
    const { onEnd } = this
    this.onEnd = undefined
    if (onEnd !== undefined)
      void this.process.awake().then(() => onEnd(new ServerError(code, 'terminating connection')))
  }

  #watchIdle(): void {
    const idle = new AbortController()
    this.#idle = idle
    const timeoutMs = this.#limits?.idleTimeoutMs ?? 0
    void this.server.time.sleep(timeoutMs, idle.signal).then(() => {
      if (!idle.signal.aborted) this.end(sqlState.idleInTransaction)
    })
  }
}

/** A reason that costs nothing to make. */
const isOver = 'over'

/** A name for what only one may hold. */
export const lockOn = {
  gate: (part: number): string => `gate ${part}`,
  slot: (subscription: string, key: string): string => `slot ${subscription} ${key}`,
  exception: (subscription: string, part: number, stream: Uuid): string =>
    `exception ${subscription} ${part} ${stream}`,
}
