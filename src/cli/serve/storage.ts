import { Gauge, type Registry } from 'prom-client'
import type { Shutdown } from '#platform/shutdown.ts'
import { type Storage, type StorageOptions, watchStorage } from '#platform/storage.ts'

/** Room on the database's volume, watched for as long as the process runs, and shown on /metrics. */
export type StorageSettings = Omit<StorageOptions, 'say'>

export function openStorage(options: Partial<StorageOptions>, registry: Registry, shutdown: Shutdown): Storage {
  const storage = watchStorage({ folder: undefined, ...options })
  shutdown.add('watching the storage', 100, async () => storage.close())
  new Gauge({
    name: 'biglearn_storage_full',
    help: 'Whether writes are refused because the storage of the database is full: 1 or 0',
    registers: [registry],
    collect() {
      this.set(storage.isFull() ? 1 : 0)
    },
  })
  new Gauge({
    name: 'biglearn_storage_free_ratio',
    help: "Share of the database's volume that is free; NaN where this machine does not have it",
    registers: [registry],
    collect() {
      this.set(storage.freeShare() ?? Number.NaN)
    },
  })
  return storage
}
