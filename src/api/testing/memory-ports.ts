import { withUploaded } from '#answers/uploaded.ts'
import { type ApiConfig, apiDefaults } from '../config.ts'
import type { ApiPorts } from '../ports.ts'
import { createMemoryAnswers } from './memory-answers.ts'
import { createMemoryContract } from './memory-contract.ts'
import { createMemoryLog, type MemoryLog } from './memory-log.ts'
import { createMemoryResults } from './memory-results.ts'

/** Ports without a database, and a configuration without secrets, for tests. */
export interface MemoryPorts extends ApiPorts {
  readonly log: MemoryLog
  /** Messages of errors and warnings, in order. */
  readonly logged: { fields: object; message: string }[]
}

export function createMemoryPorts(): MemoryPorts {
  const log = createMemoryLog(() => new Date('2026-01-01T00:00:00Z'))
  const results = createMemoryResults()
  const logged: MemoryPorts['logged'] = []
  const note = (fields: object, message: string): void => void logged.push({ fields, message })
  return {
    log,
    results,
    waiting: { put: async () => undefined, read: async () => new Set() },
    contract: createMemoryContract(),
    answers: withUploaded(createMemoryAnswers(log.all), results),
    readiness: { check: async () => ({ ready: true, checks: {} }), isFailing: () => false },
    logger: { error: note, warn: note },
    logged,
  }
}

export function testConfig(changes: Partial<ApiConfig> = {}): ApiConfig {
  return {
    ...apiDefaults,
    failoverWaitMs: 0,
    tokens: { api: [], scheduler: [], sparfa: [], operator: [] },
    version: {
      build: 'test',
      commit: 'none',
      startedAt: new Date('2026-01-01T00:00:00Z'),
      schemaMin: 0,
      schemaMax: 0,
      schemaSeen: 0,
      group: 'test',
    },
    ...changes,
  }
}
