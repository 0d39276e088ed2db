import { setTimeout as sleep } from 'node:timers/promises'
import { Membership } from '#crew/membership.ts'
import { createOwnershipStore } from '#crew/slots.ts'
import { toUuid } from '#domain/ids.ts'
import { openPool } from '#platform/postgres.ts'
import { systemTime } from '#platform/time.ts'

/*
 * A worker whose effects are calls to another service, which the database can not fence: each call names its slot and
 * epoch. Every second round is marked as one that takes long on its way.
 * `calling-worker.ts DATABASE RECEIVER SUBSCRIPTION MEMBER TTL_MS`
 */
const [databaseUrl = '', receiver = '', subscription = '', member = '', ttlMs = ''] = process.argv.slice(2)
const membership = new Membership({
  store: createOwnershipStore({
    pool: openPool(databaseUrl, { name: 'heartbeat', connectionsMax: 2 }),
    subscription,
    build: 'test',
  }),
  member: toUuid(member),
  time: systemTime,
  ttlMs: Number(ttlMs),
  onChange: () => undefined,
  onError: () => undefined,
})
membership.start()

let isSlow = false
for (;;) {
  for (const { part, epoch } of membership.owned()) {
    const call = { part, epoch: String(epoch), member, begunAt: Date.now(), isSlow }
    void fetch(receiver, { method: 'POST', body: JSON.stringify(call) }).catch(() => undefined)
  }
  isSlow = !isSlow
  await sleep(100)
}
