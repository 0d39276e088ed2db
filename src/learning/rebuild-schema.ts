import type pg from 'pg'

/*
 * Room for a second set of learning tables beside the live ones, and the exchange of the two. DDL: only the operator's
 * command runs this, never a serving process.
 */
export const rebuildSchema = 'learning_rebuild'

/** Every table of the read models. All of them have `part`; none is read or written by another module. */
export const learningTables = [
  'learning_course',
  'learning_exclusion',
  'learning_course_container',
  'learning_student',
  'learning_preparation',
  'learning_applied_event',
  'learning_container_map',
  'learning_assignment',
  'learning_named_matrix',
  'learning_answer',
  'learning_learner',
  'learning_activity',
  'learning_ecosystem',
  'learning_book_container',
  'learning_exercise_group',
] as const

const view = 'learning_answer_unpacked'

/**
 * Empty tables like the live ones, with their indexes, settings, owner and rights. What an earlier attempt left is
 * dropped.
 */
export async function createBeside(client: pg.ClientBase, live: string): Promise<void> {
  await client.query(`drop schema if exists ${rebuildSchema} cascade`)
  await client.query(`create schema ${rebuildSchema}`)
  for (const table of learningTables) {
    const like = `like ${live}.${table} including all excluding indexes`
    await client.query(`create table ${rebuildSchema}.${table} (${like})`)
    await copySettings(client, live, table)
  }
}

/**
 * What LIKE leaves out, and indexes, which it would give names of its own: later migrations know them by the old ones.
 * The statements are made by the database, which quotes names.
 */
async function copySettings(client: pg.ClientBase, live: string, table: string): Promise<void> {
  const made = await client.query<{ statement: string }>(
    `select format('alter table %I.%I set (%s)', $1::text, relname, array_to_string(reloptions, ', ')) as statement
     from pg_class
     where oid = to_regclass($2)
       and reloptions is not null
     union all
     select format('alter table %I.%I owner to %I', $1::text, relname, pg_get_userbyid(relowner))
     from pg_class
     where oid = to_regclass($2)
       and relowner <> current_user::regrole
     union all
     select format('grant %s on %I.%I to %s', privilege_type, $1::text, relname,
       case grantee when 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end)
     from pg_class
     cross join lateral aclexplode(relacl)
     where oid = to_regclass($2)
       and grantee <> relowner
     union all
     select format('alter table %I.%I add constraint %I %s', $1::text, relname, conname, pg_get_constraintdef(made.oid))
     from pg_constraint as made
     join pg_class on pg_class.oid = conrelid
     where conrelid = to_regclass($2)
       and contype in ('p', 'u')
     union all
     select regexp_replace(pg_get_indexdef(indexrelid), ' ON \\S+\\.', format(' ON %I.', $1::text))
     from pg_index
     where indrelid = to_regclass($2)
       and not exists (select from pg_constraint where conindid = indexrelid)`,
    [rebuildSchema, `${live}.${table}`],
  )
  for (const { statement } of made.rows) await client.query(statement)
}

/**
 * The rebuilt tables take the place of the live ones, which are dropped with the schema. Runs inside the caller's
 * transaction; other sessions go on with their prepared statements, PostgreSQL resolves the names again.
 */
export async function exchange(client: pg.ClientBase, live: string): Promise<void> {
  const definition = await client.query<{ text: string }>('select pg_get_viewdef(to_regclass($1)) as text', [
    `${live}.${view}`,
  ])
  await client.query(`drop view ${live}.${view}`)
  for (const table of learningTables) {
    await client.query(`drop table ${live}.${table}`)
    await client.query(`alter table ${rebuildSchema}.${table} set schema ${live}`)
  }
  await client.query(`set local search_path = ${live}`)
  await client.query(`create view ${live}.${view} as ${definition.rows[0]?.text}`)
  await client.query(`drop schema ${rebuildSchema} cascade`)
}
