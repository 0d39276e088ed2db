import type { Observer, ServerSession, Statement } from './server.ts'
import { type FaultName, World } from './world.ts'

/*
 * What was asked of the store in a run and what it answered, in the order in which it took effect: statements that
 * waited for one another stand in the order of their locks, so that the whole can be asked again one by one.
 */
export interface Operation extends Statement {
  /** Number of the session; operators have none. */
  readonly session: number | undefined
  /** What the session is for. */
  readonly purpose: string
}

export interface History {
  readonly seed: number
  readonly world: World
  readonly operations: readonly Operation[]
}

/** Nothing of these goes back in time, which a database that runs can not be told. */
const faults: readonly FaultName[] = [
  'kill',
  'deploy',
  'freeze',
  'cut',
  'partition',
  'lostAnswers',
  'slowNetwork',
  'failover',
  'poison',
  'awaitStream',
  'pause',
  'repair',
  'move',
  'replay',
  'share',
]

class Recorder implements Observer {
  readonly operations: Operation[] = []
  #orderOfOperators = 0

  statement(session: ServerSession, statement: Statement): void {
    this.operations.push({ ...statement, session: session.id, purpose: session.purpose })
    this.#orderOfOperators = statement.order
  }

  operated(name: string, words: readonly unknown[]): void {
    const order = this.#orderOfOperators
    this.operations.push({
      name,
      words,
      answer: undefined,
      atMs: 0,
      order,
      gaveUp: false,
      session: undefined,
      purpose: 'operator',
    })
  }

  committed(): void {}

  restored(): void {}
}

/** About `count` operations of a run with many faults, without its healing. */
export async function recordHistory(seed: number, count: number): Promise<History> {
  const world = new World({ seed, processes: 2, courses: 3, faults, faultEveryMs: 150, isDivided: true })
  const recorder = new Recorder()
  world.server.observers.push(recorder)
  await world.disturb(60_000, () => recorder.operations.length >= count)
  const operations = recorder.operations.toSorted((one, other) => one.order - other.order)
  return { seed, world, operations }
}
