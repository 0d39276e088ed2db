import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { algorithmsDefault } from '#cli/serve/options.ts'
import { createMigratedDatabase } from '#operate/test-database.ts'
import type { TestDatabase } from '#platform/test-database.ts'
import { startApplicationOn } from '../support/application.ts'
import { CourseLoad } from '../support/course-load.ts'

/*
 * Could the database be distributed by `part` (design §5, streams.md R1 and R2)? Walks the schema as migrations make
 * it, and every statement that a process really sends, those inside of functions included, with its plan. Nothing here
 * was run on a distributed database: docs/operations/sharding.md.
 */

/** Tables without a part: small, and the same on every shard, or only touched by people and by creates. */
const tablesWithoutPart: Readonly<Record<string, string>> = {
  schema_migration: 'what migrations have been applied',
  log_installation: 'one row that never changes',
  gate: 'locks of the version before, by bin = part % 16; no process of this one asks for them',
  stream_counter: 'gapless numbers of created streams: one row per kind, locked by creates alone',
  reader_heartbeat: 'one row, counted up once a second',
  subscription: 'one row per subscription, changed by people',
  subscription_audit: 'what people did to subscriptions',
  member: 'one row per process and subscription',
  installation: 'facts about the installation',
  experiment: 'one row per experiment, changed by people',
  experiment_version: 'one row per version of an experiment, changed by people',
}

/** Tables that name parts and are not kept by them. */
const tablesWithOtherKeys: Readonly<Record<string, string>> = {
  stream_metadata: 'list of created streams by their gapless number; written by creates alone',
}

/** What processes lock or write outside of the parts. None of it is in an append but what creates need. */
const lockedOutsideOfParts: Readonly<Record<string, string>> = {
  member: 'each process says that it lives, once a second',
  stream_counter: 'the number of a created stream',
  stream_metadata: 'the list of created streams',
  subscription: 'registered when a process starts',
}

/** Not needed: they only keep people from changing what the program never changes. */
const triggers = ['immutable on experiment_assignment', 'immutable on experiment_version']

/**
 * Statements that look at every part on purpose, by how they begin: on a distributed database one question to each
 * shard. None of them is part of an effect.
 */
const statementsOverParts: readonly (readonly [RegExp, string])[] = [
  [/^select l\.part, l\.lane, h\.position as head/, 'how far lanes are, for reads that want to be fresh'],
  [/^with recursive blocked as/, 'what a killed fold left behind, at the start and twice a minute'],
  [/^select part, lane, (?:shares, )?owner, epoch/, 'who owns what: each process looks once a tick'],
  [/^select stream, array_agg\(number\) as numbers from subscription_skip/, 'skips, when slots come'],
  [/^select exists \(select from pick_result\)/, 'whether remote algorithms left anything at all, now and then'],
  [/^select null as place, who\.student/, 'a read knows the student and not yet the course, which has the part'],
  [/^select m\.part, extract\(epoch/, 'locks a row of each part every 20 s: has to be cut by part (see the document)'],
]

let database: TestDatabase
let client: pg.Client

before(async () => {
  database = await createMigratedDatabase()
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
})
after(async () => {
  await client.end()
  await database.drop()
})

async function rows<Row extends pg.QueryResultRow>(text: string): Promise<Row[]> {
  return (await client.query<Row>(text)).rows
}

async function tablesWithPart(): Promise<Set<string>> {
  const found = await rows<{ name: string }>(`
    select c.relname as name
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attname = 'part'`)
  return new Set(found.map(({ name }) => name).filter((name) => tablesWithOtherKeys[name] === undefined))
}

describe('the schema', () => {
  test('every table has a part, or a reason to have none', async () => {
    const distributed = await tablesWithPart()
    const tables = await rows<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')`,
    )
    const others = tables
      .map(({ name }) => name)
      .filter((name) => !distributed.has(name) && tablesWithOtherKeys[name] === undefined)
    assert.deepEqual(others.filter((name) => tablesWithoutPart[name] === undefined).toSorted(), [])
    const gone = Object.keys(tablesWithoutPart).filter((name) => !others.includes(name))
    assert.deepEqual(gone, [], 'a reason for a table that is not there')
  })

  test('part is smallint, never null, and in every unique key; nothing refers to another part', async () => {
    const distributed = await tablesWithPart()
    const parts = await rows<{ name: string; type: string; is_required: boolean }>(`
      select c.relname as name, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as is_required
      from pg_class c join pg_attribute a on a.attrelid = c.oid
      where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and a.attname = 'part'`)
    for (const { name, type, is_required } of parts) assert.deepEqual([type, is_required], ['smallint', true], name)
    const keys = await rows<{ name: string; key: string; has_part: boolean }>(`
      select c.relname as name, i.indexrelid::regclass::text as key,
        exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'part' and a.attnum = any (i.indkey))
          as has_part
      from pg_index i join pg_class c on c.oid = i.indrelid
      where c.relnamespace = 'public'::regnamespace and i.indisunique`)
    const without = keys.filter(({ name, has_part }) => distributed.has(name) && !has_part)
    assert.deepEqual(without, [])
    const foreign = await rows<{ name: string }>(
      `select conrelid::regclass::text as name from pg_constraint where contype in ('f', 'x')`,
    )
    assert.deepEqual(
      foreign.filter(({ name }) => distributed.has(name)),
      [],
    )
  })

  test('nothing that distributed databases refuse: triggers, rules, partitions, inheritance, extensions', async () => {
    const found = await rows<{ what: string }>(`
      select 'trigger ' || tgname || ' on ' || tgrelid::regclass as what from pg_trigger where not tgisinternal
      union all select 'rule ' || rulename from pg_rewrite r join pg_class c on c.oid = r.ev_class
        where c.relnamespace = 'public'::regnamespace and rulename <> '_RETURN'
      union all select 'partition ' || inhrelid::regclass from pg_inherits
      union all select 'extension ' || extname from pg_extension where extname <> 'plpgsql'
      union all select 'sequence ' || relname from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'S'`)
    const known = new Set(triggers.map((name) => `trigger ${name}`))
    assert.deepEqual(
      found.filter(({ what }) => !known.has(what)),
      [],
    )
  })
})

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly Alias?: string
  readonly Plans?: readonly PlanNode[]
  readonly [key: string]: unknown
}

interface Explained {
  readonly text: string
  readonly plan: PlanNode
}

/** What the server explains of each statement of the process, also of those inside of functions. */
async function explainedWhile(work: () => Promise<void>): Promise<Explained[]> {
  const explained: Explained[] = []
  const prototype = pg.Client.prototype as unknown as { _handleNotice(notice: { message: string }): void }
  const original = prototype._handleNotice
  prototype._handleNotice = function (notice) {
    const json = /plan:\s*(\{[\s\S]*\})/.exec(notice.message)?.[1]
    if (json === undefined) return original.call(this, notice)
    const { 'Query Text': text, Plan: plan } = JSON.parse(json)
    explained.push({ text, plan })
  }
  const name = new URL(database.url).pathname.slice(1)
  const settings = {
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    'auto_explain.log_nested_statements': 'on',
    'auto_explain.log_format': 'json',
    'auto_explain.log_level': 'notice',
  }
  for (const [key, value] of Object.entries(settings))
    await client.query(`alter database ${name} set ${key} = '${value}'`)
  try {
    await work()
  } finally {
    prototype._handleNotice = original
    for (const key of Object.keys(settings)) await client.query(`alter database ${name} reset ${key}`)
  }
  return explained
}

interface PartCounts {
  readonly appends: number[]
  readonly passes: number[]
}

/** How many parts each append of the process named, and each pass of a subscription locked slots of. */
async function partsWhile(work: () => Promise<void>): Promise<PartCounts> {
  const counts: PartCounts = { appends: [], passes: [] }
  const prototype = pg.Client.prototype as unknown as { query(...words: unknown[]): unknown }
  const original = prototype.query
  prototype.query = function (...words) {
    const [config] = words
    if (isAppend(config)) counts.appends.push(elementsOf(config.values.find((value) => Buffer.isBuffer(value))))
    if (isPass(config)) counts.passes.push(new Set(config.values[1]).size)
    return original.apply(this, words)
  }
  try {
    await work()
  } finally {
    prototype.query = original
  }
  return counts
}

function isAppend(config: unknown): config is { values: unknown[] } {
  return (
    typeof config === 'object' && config !== null && 'text' in config && /^\s*call append/.test(String(config.text))
  )
}

function isPass(config: unknown): config is { values: Iterable<unknown>[] } {
  return (
    typeof config === 'object' &&
    config !== null &&
    'text' in config &&
    String(config.text).includes('for no key update of slot')
  )
}

/** Of a one-dimensional array in PostgreSQL's binary form. */
function elementsOf(array: unknown): number {
  return Buffer.isBuffer(array) && array.length >= 20 ? array.readInt32BE(12) : 0
}

const conditions = ['Index Cond', 'Filter', 'Recheck Cond', 'TID Cond', 'Hash Cond', 'Merge Cond', 'Join Filter']

/** Tables in which the plan locks or writes rows. */
function lockedTables(node: PlanNode, isLocked = false): string[] {
  const isHere = isLocked || node['Node Type'] === 'LockRows' || node['Node Type'] === 'ModifyTable'
  const own = isHere && node['Relation Name'] !== undefined ? [node['Relation Name']] : []
  return [...own, ...(node.Plans ?? []).flatMap((plan) => lockedTables(plan, node['Node Type'] === 'LockRows'))]
}

/** Scans of distributed tables that no condition ties to a part. */
function scansOverParts(node: PlanNode, distributed: ReadonlySet<string>, above: string): string[] {
  const own = conditions.map((name) => String(node[name] ?? '')).join(' ')
  const relation = node['Relation Name']
  const isScan = relation !== undefined && node['Node Type'] !== 'ModifyTable' && distributed.has(relation)
  const isTied = () => /\bpart\b/.test(own) || new RegExp(`\\b${node.Alias}\\.part\\b`).test(above)
  const found = isScan && !isTied() ? [relation] : []
  return [...found, ...(node.Plans ?? []).flatMap((plan) => scansOverParts(plan, distributed, `${above} ${own}`))]
}

describe('the statements of the hot path', { timeout: 120_000 }, () => {
  test('each one is tied to parts, and with BIGLEARN_SHARDED each append and each pass to one', async () => {
    let counts: PartCounts = { appends: [], passes: [] }
    const explained = await explainedWhile(async () => {
      counts = await partsWhile(() => workOfAProcess(true))
    })
    const distributed = await tablesWithPart()
    const over = new Map<string, string>()
    for (const { text, plan } of explained) {
      const tables = scansOverParts(plan, distributed, '')
      if (tables.length > 0) over.set(text.trim().replaceAll(/\s+/g, ' '), tables.join(', '))
    }
    const unexplained = [...over].filter(([text]) => !statementsOverParts.some(([pattern]) => pattern.test(text)))
    assert.deepEqual(
      unexplained.map(([text, tables]) => `${tables}: ${text}`),
      [],
    )
    assert.ok(
      explained.some(({ text }) => text.includes('insert into segment')),
      'functions were not looked into',
    )
    const locked = new Set(explained.flatMap(({ plan }) => lockedTables(plan)))
    assert.ok(locked.has('part_gate'), 'no gate was seen')
    const elsewhere = [...locked].filter((table) => !distributed.has(table))
    assert.deepEqual(
      elsewhere.filter((table) => lockedOutsideOfParts[table] === undefined),
      [],
    )
    assert.ok(counts.appends.length > 20 && counts.passes.length > 5, 'nothing was seen')
    assert.deepEqual([...new Set(counts.appends)], [1])
    assert.deepEqual([...new Set(counts.passes)], [1])
  })

  test('without it groups and passes span parts: the check can fail', async () => {
    const { appends, passes } = await partsWhile(() => workOfAProcess(false))
    assert.ok(Math.max(...appends) > 1 && Math.max(...passes) > 1, `parts: ${appends}; ${passes}`)
  })
})

/** A CLUE of each student and the exercises of her worst areas, as far as there is a book for them. */
async function readAnswers(load: CourseLoad): Promise<void> {
  const lines = load.courses.map((course) => ({ request_uuid: course, student_uuid: load.studentOf(course) }))
  const algorithm = { algorithm_name: 'biglearn_sparfa' }
  const clues = lines.map((line) => ({ ...line, ...algorithm, book_container_uuid: line.request_uuid }))
  await load.post('/fetch_student_clues', { student_clue_requests: clues })
  const areas = lines.map((line) => ({ ...line, ...algorithm, max_num_exercises: 5 }))
  await load.post('/fetch_practice_worst_areas_exercises', { worst_areas_requests: areas })
}

/** Courses are taught, their answers learnt and read. */
async function workOfAProcess(isSharded: boolean): Promise<void> {
  const { url, stop } = await startApplicationOn(database.url, 'api,learning', algorithmsDefault, { isSharded })
  try {
    const load = new CourseLoad({ urls: () => [url], courses: 12, seed: `sharded ${isSharded}` })
    load.start()
    await load.more(300)
    await load.finish()
    for (const course of load.courses) await load.stored(course)
    await readAnswers(load)
    await sleep(500)
  } finally {
    await stop()
  }
}
