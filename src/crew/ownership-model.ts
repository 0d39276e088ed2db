/*
 * A small model of one slot, its workers and a database that may fail over to an older state once; `explore` visits
 * every interleaving. Each step is one thing that can happen between two round trips; a worker that is not stepped is a
 * worker that pauses, so every pause at every place is covered (streams.md §4.5).
 */
export interface Rules {
  /** What an effect transaction compares with the slot row. */
  readonly proof: 'token' | 'epoch' | 'lease' | 'none'
  /** Whether the comparison holds the row lock to the commit. */
  readonly locks: boolean
  /** Whether the position under the lock is compared with the one the batch was read from. */
  readonly checksPosition: boolean
  /** Whether a batch is only applied through a connection that was open when it was read. */
  readonly keepsSession: boolean
}

export const ourRules: Rules = { proof: 'token', locks: true, checksPosition: true, keepsSession: true }

interface Effect {
  readonly position: number
  /** Which event it was: after a lossy failover another one may hold the position. */
  readonly content: string
  /** Order of the grant under which it was made. */
  readonly grant: number
}

interface Database {
  readonly epoch: number
  /** Number of the grant that owns the slot; 0: nobody. Unique over the whole history, as a random token is. */
  readonly token: number
  readonly isExpired: boolean
  readonly position: number
  /** Content of positions 1, 2, …. */
  readonly lane: readonly string[]
  readonly effects: readonly Effect[]
}

interface Worker {
  readonly state: 'idle' | 'owner' | 'fetched' | 'fenced'
  readonly token: number
  readonly epoch: number
  readonly position: number
  readonly batch: string
  /** Server generation of its connection, and of the one through which the batch was read. */
  readonly session: number
  readonly readIn: number
}

export interface World {
  readonly database: Database
  readonly replica: Database
  readonly server: number
  readonly grants: number
  readonly workers: readonly Worker[]
}

export interface Limits {
  readonly workers: number
  readonly events: number
  readonly grantsMax: number
  readonly hasFailover: boolean
}

const idle: Worker = { state: 'idle', token: 0, epoch: 0, position: 0, batch: '', session: 0, readIn: 0 }

function start(limits: Limits): World {
  const lane = Array.from({ length: limits.events }, (_, index) => `event ${index + 1}`)
  const database = { epoch: 0, token: 0, isExpired: true, position: 0, lane, effects: [] }
  return { database, replica: database, server: 0, grants: 0, workers: Array(limits.workers).fill(idle) }
}

/** Every world that one step can lead to. */
function steps(world: World, rules: Rules, limits: Limits): World[] {
  const shared = [...expire(world), ...replicate(world, limits), ...failOver(world, limits)]
  return [...shared, ...world.workers.flatMap((_, index) => workerSteps(world, index, rules, limits))]
}

function expire(world: World): World[] {
  if (world.database.isExpired) return []
  return [{ ...world, database: { ...world.database, isExpired: true } }]
}

function replicate(world: World, limits: Limits): World[] {
  if (!limits.hasFailover || world.server > 0 || world.replica === world.database) return []
  return [{ ...world, replica: world.database }]
}

/**
 * Commits since the last replication are lost, among them, if the replica shows no effect of it, the append of the last
 * event: another one takes its position.
 */
function failOver(world: World, limits: Limits): World[] {
  if (!limits.hasFailover || world.server > 0) return []
  const lane = world.replica.lane.map((content, index) =>
    index === world.replica.lane.length - 1 && world.replica.position <= index
      ? `${content} of the new server`
      : content,
  )
  return [{ ...world, server: 1, database: { ...world.replica, lane } }]
}

function workerSteps(world: World, index: number, rules: Rules, limits: Limits): World[] {
  const worker = world.workers[index] ?? idle
  const put = (changed: Partial<Worker>, database: Database = world.database, grants = world.grants): World => ({
    ...world,
    database,
    grants,
    workers: world.workers.map((one, at) => (at === index ? { ...worker, ...changed } : one)),
  })
  const killed = worker.state === 'idle' ? [] : [put(idle)]
  if (worker.state === 'idle') return take(world, put, rules, limits)
  if (worker.state === 'owner') return [...fetch(world, worker, rules, put), release(world, worker, put), ...killed]
  if (worker.state === 'fetched') return [...fence(world, worker, index, rules, put), ...killed]
  return [...commit(world, worker, rules, put), put({ state: 'owner' }), ...killed]
}

type Put = (changed: Partial<Worker>, database?: Database, grants?: number) => World

function isLocked(world: World, rules: Rules, except = -1): boolean {
  return (
    rules.locks &&
    world.workers.some((one, at) => at !== except && one.state === 'fenced' && one.session === world.server)
  )
}

function take(world: World, put: Put, rules: Rules, limits: Limits): World[] {
  const { database } = world
  const isFree = database.token === 0 || database.isExpired
  if (!isFree || world.grants >= limits.grantsMax || isLocked(world, rules)) return []
  const token = world.grants + 1
  const granted = { ...database, token, epoch: database.epoch + 1, isExpired: false }
  const session = world.server
  const owner = { token, epoch: granted.epoch, position: database.position, session }
  return [put({ ...idle, ...owner, state: 'owner' }, granted, token)]
}

function fetch(world: World, worker: Worker, rules: Rules, put: Put): World[] {
  // A broken connection is replaced; a new session asks where the slot is.
  const isNew = worker.session !== world.server
  const position = isNew && rules.checksPosition ? world.database.position : worker.position
  const batch = world.database.lane[position]
  if (batch === undefined) return isNew ? [put({ session: world.server, position })] : []
  return [put({ state: 'fetched', batch, position, session: world.server, readIn: world.server })]
}

function release(world: World, worker: Worker, put: Put): World {
  const database = world.database.token === worker.token ? { ...world.database, token: 0 } : world.database
  return put(idle, database)
}

function isProved(world: World, worker: Worker, rules: Rules): boolean {
  const { database } = world
  if (rules.proof === 'token') return database.token === worker.token
  if (rules.proof === 'epoch') return database.epoch === worker.epoch
  // A lease is looked at with one's own clock: true as far as this worker knows.
  return rules.proof === 'none' || !database.isExpired
}

function fence(world: World, worker: Worker, index: number, rules: Rules, put: Put): World[] {
  if (isLocked(world, rules, index)) return []
  if (!isProved(world, worker, rules)) return [put(idle)]
  if (rules.keepsSession && worker.readIn !== world.server) return [put({ state: 'owner' })]
  if (rules.checksPosition && world.database.position !== worker.position) {
    return [put({ state: 'owner', position: world.database.position })]
  }
  return [put({ state: 'fenced', session: world.server })]
}

/** The commit is answered, or takes effect and the answer is lost, or fails because the server is gone. */
function commit(world: World, worker: Worker, rules: Rules, put: Put): World[] {
  if (worker.session !== world.server) return [put({ state: 'owner' })]
  const position = worker.position + 1
  const effect = { position, content: worker.batch, grant: worker.token }
  const { database } = world
  const after = { ...database, position: Math.max(position, database.position), effects: [...database.effects, effect] }
  const isLost = rules.checksPosition
    ? { state: 'owner' as const }
    : { state: 'owner' as const, position: position - 1 }
  return [put({ state: 'owner', position }, after), put(isLost, after)]
}

/** What must hold in every world; undefined when it does. */
function violation(world: World): string | undefined {
  const { effects, lane, position } = world.database
  for (const [index, effect] of effects.entries()) {
    if (effect.position !== index + 1) return `S7: effect ${index + 1} is that of position ${effect.position}`
    if (effect.content !== lane[index]) return `S4: position ${index + 1} took effect as "${effect.content}"`
    const previous = effects[index - 1]
    if (previous !== undefined && previous.grant > effect.grant) return 'L2: an older grant after a newer one'
  }
  if (effects.length !== position) return `S4: ${effects.length} effects up to position ${position}`
  const epochs = world.workers.filter((worker) => worker.token === world.database.token && worker.token > 0)
  return epochs.length > 1 ? 'L1: two workers with the accepted token' : undefined
}

export interface Exploration {
  readonly worlds: number
  /** The shortest way to a violation: how many steps, and what. */
  readonly violation: { readonly steps: number; readonly what: string } | undefined
  /** Whether some way ends with every event applied. */
  readonly canFinish: boolean
}

/** Breadth first, so that the first violation is the shortest. */
export function explore(rules: Rules, limits: Limits): Exploration {
  const seen = new Set<string>()
  let frontier = [start(limits)]
  let canFinish = false
  for (let depth = 0; frontier.length > 0; depth += 1) {
    const next: World[] = []
    for (const world of frontier) {
      const name = JSON.stringify(world)
      if (seen.has(name)) continue
      seen.add(name)
      const what = violation(world)
      if (what !== undefined) return { worlds: seen.size, violation: { steps: depth, what }, canFinish }
      canFinish ||= world.database.position === limits.events
      next.push(...steps(world, rules, limits))
    }
    frontier = next
  }
  return { worlds: seen.size, violation: undefined, canFinish }
}
