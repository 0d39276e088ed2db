import assert from 'node:assert/strict'
import { test } from 'node:test'
import { repairStream } from './repair.ts'
import { courseOf } from './sample-events.ts'
import type { LogStore } from './store.ts'

test('numbers that were filled had no audit line when another one of the same repair failed', async () => {
  const stream = courseOf('repair')
  const audited: unknown[] = []
  const store = {
    statuses: async () => [{ gaps: [{ from: 1, to: 4 }] }],
    writeAudit: async (...words: readonly unknown[]) => void audited.push(words),
  } as unknown as LogStore
  const repair = repairStream(
    {
      store,
      append: async ([event]) => {
        if (event?.number === 2) throw new Error('the database is away')
        return { kind: 'stored', outcomes: ['recorded'] }
      },
    },
    { kind: 'course', stream, part: 0 },
    { actor: 'ada', reason: 'a test', from: 1, to: 4 },
  )
  await assert.rejects(repair, /the database is away/)
  assert.deepEqual(
    audited.map((words) => (words as unknown[]).at(-1)),
    [{ numbers: [1, 3, 4] }],
  )
})
