import { ConfigurationError, type Tokens } from '#platform/config.ts'

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
  /** Numbers of migrations: the newest that this build needs and the newest it knows. */
  readonly schemaMin: number
  readonly schemaMax: number
  /** The newest that the database had when this process started; later builds may have added some. */
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

export type ApiSettings = Pick<ApiConfig, 'strict' | 'bodyBytesMax' | 'pathPrefix'>

/** BIGLEARN_STRICT, BIGLEARN_BODY_BYTES_MAX and BIGLEARN_PATH_PREFIX, each optional. */
export function readApiSettings(environment: Readonly<Record<string, string | undefined>>): ApiSettings {
  const strict = environment['BIGLEARN_STRICT'] ?? ''
  const prefix = environment['BIGLEARN_PATH_PREFIX'] ?? ''
  const bytes = environment['BIGLEARN_BODY_BYTES_MAX'] ?? ''
  if (!['', '0', '1'].includes(strict)) throw new ConfigurationError(`BIGLEARN_STRICT is "${strict}"`, 'set 0 or 1')
  if (!/^[\w./~-]*$/.test(prefix)) {
    throw new ConfigurationError(`BIGLEARN_PATH_PREFIX is "${prefix}"`, 'write a path such as /biglearn/v1')
  }
  const bodyBytesMax = bytes === '' ? apiDefaults.bodyBytesMax : Number(bytes)
  if (!Number.isInteger(bodyBytesMax) || bodyBytesMax < 1024 || bodyBytesMax > bodyBytesCeiling) {
    throw new ConfigurationError(
      `BIGLEARN_BODY_BYTES_MAX is "${bytes}"`,
      `set whole bytes from 1024 to ${bodyBytesCeiling}`,
    )
  }
  return { strict: strict === '1', bodyBytesMax, pathPrefix: prefix }
}

/** A longer text can not be one string in this runtime (2^29 - 24 characters). */
const bodyBytesCeiling = 512 * 1024 * 1024 - 1024
