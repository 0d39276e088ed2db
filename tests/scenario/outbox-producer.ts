import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { createClient } from '#client/client.ts'
import { createDelivery } from '#client/delivery.ts'
import { createPostgresOutbox } from '#client/outbox-postgres.ts'
import { recordResponse, unexpected } from '#client/test-outbox.ts'

/* A producer that works and delivers until it is killed: `node outbox-producer.ts DATABASE SERVER COURSE…`. */
const [databaseUrl = '', url = '', ...courses] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 })
const outbox = createPostgresOutbox(pool)
const { transport } = createClient({ url, backoff: { firstDelayMs: 5, delayMsMax: 20 } })
const delivery = createDelivery({ store: outbox, transport, pollMs: 10, ...unexpected })
void delivery.run(new AbortController().signal)
process.stdout.write('working\n')

for (;;) {
  const connection = await pool.connect()
  const course = courses[Math.floor(Math.random() * courses.length)] ?? ''
  const event = randomUUID()
  await connection.query('begin')
  await outbox.enqueue(connection, [recordResponse(course, event)])
  await connection.query('insert into business (course, event) values ($1, $2)', [course, event])
  await connection.query('commit')
  connection.release()
  delivery.wake()
}
