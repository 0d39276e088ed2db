import { readFileSync } from 'node:fs'
import type { VersionInfo } from '#api/config.ts'
import type { Migration } from '#operate/migrate.ts'

/** What `/version` shows; the commit is told by whoever built the image. */
export function readVersion(migrations: readonly Migration[]): Omit<VersionInfo, 'group'> {
  const newest = migrations.at(-1)?.number ?? 0
  return {
    build: readPackageVersion(),
    commit: process.env['BIGLEARN_COMMIT'] ?? 'unknown',
    startedAt: new Date(),
    schemaMin: newest,
    schemaMax: newest,
    schemaSeen: newest,
  }
}

function readPackageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  const parsed: unknown = JSON.parse(text)
  const isNamed = typeof parsed === 'object' && parsed !== null && 'version' in parsed
  return isNamed ? String(parsed.version) : 'unknown'
}
