import type pg from 'pg'
import type { StreamKind } from '#domain/events.ts'
import type { Uuid } from '#domain/ids.ts'
import type { Reason, StreamAudit } from './log.ts'

/** Lines about what people did to streams. Written in the transaction of what they tell about, never changed. */
export interface StreamSlot {
  readonly kind: StreamKind
  readonly stream: Uuid
  readonly part: number
}

export async function writeAudit(
  database: pg.Pool | pg.ClientBase,
  { part, stream }: StreamSlot,
  action: StreamAudit['action'],
  { actor, reason }: Reason,
  detail: StreamAudit['detail'],
): Promise<void> {
  await database.query(
    `insert into stream_audit (part, stream, action, actor, reason, detail)
     values ($1, $2, $3, $4, $5, $6)`,
    [part, stream, action, actor, reason, JSON.stringify(detail)],
  )
}

export async function readAudits(
  database: pg.Pool | pg.ClientBase,
  { part, stream }: StreamSlot,
  max: number,
): Promise<StreamAudit[]> {
  const answer = await database.query<StreamAudit>(
    `select a.at, a.action, a.actor, a.reason, a.detail
     from stream_audit a
     where a.part = $1
       and a.stream = $2
     order by a.part desc, a.stream desc, a.at desc
     limit $3`,
    [part, stream, max],
  )
  return answer.rows
}
