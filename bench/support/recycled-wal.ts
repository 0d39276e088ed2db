import type { BenchDatabase } from './product.ts'

/*
 * A server that has been up for a while writes into WAL files that checkpoints recycled. On a new one the commit that
 * comes to the end of a file makes the next, 16 MB of zeros and an fsync, and all others wait some 10 to 30 ms for it.
 */
export const recyclingSettings = { min_wal_size: '1GB' }
const files = 40

/** Gives a new server, started with `recyclingSettings`, so many files to write into. */
export async function recycleWal({ pool }: Pick<BenchDatabase, 'pool'>): Promise<void> {
  for (let file = 0; file < files; file += 1) {
    await pool.query(`select pg_logical_emit_message(false, 'bench', 'x')`)
    await pool.query('select pg_switch_wal()')
  }
  await pool.query('checkpoint')
  const answer = await pool.query<{ ready: number }>(`
    select count(*)::int as ready from pg_ls_waldir() where name > pg_walfile_name(pg_current_wal_lsn())`)
  const ready = answer.rows[0]?.ready ?? 0
  if (ready < files / 2) throw new Error(`only ${ready} WAL files were recycled`)
}
