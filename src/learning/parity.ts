import type pg from 'pg'
import type { Answer } from '#domain/student.ts'
import { unpackAnswers } from './pack-answer.ts'
import { learningTables, rebuildSchema } from './rebuild-schema.ts'

/*
 * Compares the live read models with rebuilt ones, part by part. Both have folded the same events of each stream, so
 * every row must be equal, except how answers are cut into rows: passes and merges decide that.
 */
export interface Difference {
  readonly table: string
  /** Rows in one of the two only; a row that differs shows on both sides. `undefined`: there is none. */
  readonly live: string | undefined
  readonly rebuilt: string | undefined
}

export async function firstDifference(
  client: pg.ClientBase,
  live: string,
  parts: readonly number[],
): Promise<Difference | undefined> {
  for (const table of learningTables) {
    const difference =
      table === 'learning_answer'
        ? await answersDiffer(client, live, parts)
        : await rowsDiffer(client, live, table, parts)
    if (difference !== undefined) return difference
  }
  return undefined
}

async function rowsDiffer(
  client: pg.ClientBase,
  live: string,
  table: string,
  parts: readonly number[],
): Promise<Difference | undefined> {
  const onlyIn = (one: string, other: string): string => `
    select to_jsonb(only_here)::text
    from (
      select * from ${one}.${table} where part = any ($1::smallint[])
      except
      select * from ${other}.${table} where part = any ($1::smallint[])
    ) as only_here
    order by only_here
    limit 1`
  const found = await client.query<{ live: string | null; rebuilt: string | null }>(
    `select (${onlyIn(live, rebuildSchema)}) as live, (${onlyIn(rebuildSchema, live)}) as rebuilt`,
    [parts],
  )
  const row = found.rows[0]
  if (row === undefined || (row.live === null && row.rebuilt === null)) return undefined
  return { table, live: row.live ?? undefined, rebuilt: row.rebuilt ?? undefined }
}

interface AnswersRow {
  student: string
  live: Buffer | null
  rebuilt: Buffer | null
}

/**
 * Put one behind the other, a student's rows are the same bytes on both sides, unless two courses share the student.
 */
async function answersDiffer(
  client: pg.ClientBase,
  live: string,
  parts: readonly number[],
): Promise<Difference | undefined> {
  const joined = (schema: string): string => `
    select part, student, string_agg(body, ''::bytea order by last_number) as body
    from ${schema}.learning_answer
    where part = any ($1::smallint[])
    group by part, student`
  const found = await client.query<AnswersRow>(
    `select student, live.body as live, rebuilt.body as rebuilt
     from (${joined(live)}) as live
     full join (${joined(rebuildSchema)}) as rebuilt using (part, student)
     where live.body is distinct from rebuilt.body
     order by part, student`,
    [parts],
  )
  for (const row of found.rows) {
    const [kept, made] = [linesOf(row.live), linesOf(row.rebuilt)]
    const onlyLive = kept.find((line) => !made.includes(line))
    const onlyRebuilt = made.find((line) => !kept.includes(line))
    if (onlyLive === undefined && onlyRebuilt === undefined && kept.length === made.length) continue
    const say = (line: string | undefined): string | undefined => line && `student ${row.student}: ${line}`
    return { table: 'learning_answer', live: say(onlyLive ?? kept[0]), rebuilt: say(onlyRebuilt ?? made[0]) }
  }
  return undefined
}

function linesOf(body: Buffer | null): string[] {
  const answers: Answer[] = body === null ? [] : unpackAnswers(body)
  return answers.map((answer) => JSON.stringify(answer))
}
