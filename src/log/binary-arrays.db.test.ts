import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openTestDatabase } from '#operate/test-database.ts'
import { byteaArray, int2Array, int4Array, uuidArray } from './binary-arrays.ts'
import { uuidOf } from './sample-events.ts'

/* PostgreSQL reads the arrays we encode. */
const { pool } = await openTestDatabase()

test('arrays arrive element by element', async () => {
  const answer = await pool.query(
    `select $1::int2[]::text as shorts, $2::int4[]::text as integers, $3::uuid[]::text as uuids,
       (select string_agg(encode(b, 'hex'), ' ') from unnest($4::bytea[]) b) as bytes`,
    [
      int2Array([-32768, 0, 32767]),
      int4Array([-(2 ** 31), 0, 2 ** 31 - 1]),
      uuidArray([uuidOf('a'), undefined, uuidOf('b')]),
      byteaArray([Buffer.from([0, 1, 255]), Buffer.alloc(0), Buffer.from('é')]),
    ],
  )
  assert.deepEqual(answer.rows, [
    {
      shorts: '{-32768,0,32767}',
      integers: '{-2147483648,0,2147483647}',
      uuids: `{${uuidOf('a')},NULL,${uuidOf('b')}}`,
      bytes: '0001ff  c3a9',
    },
  ])
})

test('empty arrays arrive empty', async () => {
  const answer = await pool.query(
    `select cardinality($1::int2[]) + cardinality($2::int4[]) + cardinality($3::uuid[]) + cardinality($4::bytea[]) as n`,
    [int2Array([]), int4Array([]), uuidArray([]), byteaArray([])],
  )
  assert.deepEqual(answer.rows, [{ n: 0 }])
})

test('a text that is no uuid is refused before it is sent', () => {
  assert.throws(() => uuidArray([uuidOf('a').toUpperCase()]), /not a lower-case uuid/)
})
