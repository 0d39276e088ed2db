import { Command, InvalidArgumentError } from 'commander'
import type pg from 'pg'
import { listSubscriptions } from '#crew/subscriptions.ts'
import type { StreamKind } from '#domain/events.ts'
import { isUuid, toUuid, type Uuid } from '#domain/ids.ts'
import type { OpenedLog, Reason } from '#log/log.ts'
import { openLog } from '#log/open.ts'
import { ConfigurationError } from '#platform/config.ts'
import { openPool } from '#platform/postgres.ts'
import { checkDatabase } from '../checked-database.ts'
import { currentUser } from '../current-user.ts'
import { integerFrom } from '../integer.ts'
import { requireDatabaseUrl } from '../serve/options.ts'

/** What every command below `biglearn streams` works with; tests give others. */
export interface StreamsTools {
  databaseUrl(): string
  write(text: string): void
}

export const processTools: StreamsTools = {
  databaseUrl: () => requireDatabaseUrl(process.env),
  write: (text) => void process.stdout.write(text),
}

export interface OpenedStreams {
  readonly pool: pg.Pool
  readonly log: OpenedLog
}

export async function withStreams(tools: StreamsTools, work: (opened: OpenedStreams) => Promise<void>): Promise<void> {
  const pool = openPool(tools.databaseUrl(), { name: 'streams', connectionsMax: 4, statementTimeoutMs: 30_000 })
  try {
    await checkDatabase(pool)
    const log = await openLog(pool)
    try {
      await work({ pool, log })
    } finally {
      await log.close()
    }
  } finally {
    await pool.end()
  }
}

export interface Shown {
  readonly json?: true
}

/** A command that can answer as JSON. */
export function showing(name: string, description: string): Command {
  return new Command(name).description(description).option('--json', 'print JSON, for programs')
}

export interface DeedOptions extends Shown {
  readonly reason: string
  readonly actor: string
}

/** A command that changes something, and leaves a line of who and why. */
export function deed(name: string, description: string): Command {
  return showing(name, description)
    .requiredOption('--reason <text>', 'why; kept in the audit', parseReason)
    .option('--actor <name>', 'who; kept in the audit', currentUser())
}

export function reasonOf({ actor, reason }: DeedOptions): Reason {
  return { actor, reason }
}

export interface KindOptions {
  readonly kind: StreamKind
}

export function withKind(command: Command): Command {
  return command.option('--kind <kind>', 'course or ecosystem', parseKind, 'course')
}

/** Asked before anything is changed, because a typing error must not look like success. */
export async function requireSubscription(pool: pg.Pool, name: string): Promise<'embedded' | 'remote'> {
  const all = await listSubscriptions(pool)
  const found = all.find((subscription) => subscription.name === name)
  if (found !== undefined) return found.mode
  const names = all.map((subscription) => subscription.name).join(', ')
  throw new ConfigurationError(
    `there is no subscription "${name}"`,
    names === '' ? 'there are none yet: start a server, or create one' : `use one of: ${names}`,
  )
}

/** The same for a stream: a policy for one that does not exist would never be noticed. */
export async function requireStream(log: OpenedLog, kind: StreamKind, stream: Uuid): Promise<void> {
  const [status] = await log.statuses([{ kind, stream }], 0)
  if (status?.isKnown === true) return
  throw new ConfigurationError(`nothing is known of ${kind} ${stream}`, 'look at its uuid, and at --kind')
}

export function parseUuid(text: string): Uuid {
  if (!isUuid(text)) throw new InvalidArgumentError('must be a uuid.')
  return toUuid(text)
}

export function parseUuids(text: string, before: readonly Uuid[] | undefined): Uuid[] {
  return [...(before ?? []), parseUuid(text)]
}

/** A sequence number. */
export const parseNumber = integerFrom(0, 2 ** 31 - 1)

function parseReason(text: string): string {
  if (text.trim() === '' || text.length > 500) throw new InvalidArgumentError('must be 1 to 500 characters.')
  return text
}

function parseKind(text: string): StreamKind {
  if (text === 'course' || text === 'ecosystem') return text
  throw new InvalidArgumentError('must be course or ecosystem.')
}
