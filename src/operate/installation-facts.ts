import type pg from 'pg'

/** Facts about this installation that outlive a process, such as whether the demonstration course was loaded. */
export async function readFact<Value>(pool: pg.Pool, name: string): Promise<Value | undefined> {
  const found = await pool.query<{ value: Value }>('select value from installation where name = $1', [name])
  return found.rows[0]?.value
}

export async function keepFact(pool: pg.Pool, name: string, value: unknown): Promise<void> {
  await pool.query(
    `insert into installation (name, value)
     values ($1, $2)
     on conflict (name) do update set value = excluded.value, changed_at = clock_timestamp()`,
    [name, JSON.stringify(value)],
  )
}
