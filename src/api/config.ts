import type { Tokens } from '#platform/config.ts'

/** How one HTTP server is set up. Secrets are lists for rotation; an empty list means open (design D33). */
export interface ApiConfig {
  readonly tokens: Tokens
  /** Applies every limit that was ever declared (api.md M10); for contract tests. */
  readonly strict: boolean
  readonly bodyBytesMax: number
  /** Also served below this path, such as `/biglearn/v1`; empty for none. */
  readonly pathPrefix: string
  /** `elsewhere` when a management port serves the operational paths (design D32). */
  readonly operationalPaths: 'here' | 'elsewhere'
  /** How long a request may wait for a failover before it is answered 503 (design D8). */
  readonly failoverWaitMs: number
  readonly version: VersionInfo
}

/** What `/version` shows (OP-P1). */
export interface VersionInfo {
  readonly build: string
  readonly commit: string
  readonly startedAt: Date
  readonly schemaMin: number
  readonly schemaMax: number
  readonly schemaSeen: number | undefined
  readonly group: string
}

export const apiDefaults = {
  strict: false,
  bodyBytesMax: 64 * 1024 * 1024,
  pathPrefix: '',
  operationalPaths: 'here',
  failoverWaitMs: 25_000,
} as const satisfies Partial<ApiConfig>
