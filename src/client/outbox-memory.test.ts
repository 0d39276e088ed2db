import { createMemoryOutbox } from './outbox-memory.ts'
import { outboxContract } from './test-outbox.ts'

outboxContract(async () => {
  const outbox = createMemoryOutbox()
  return { outbox, transaction: outbox.transaction }
})
