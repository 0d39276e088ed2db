import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { VersionInfo } from '#api/config.ts'
import type { Migration } from '#operate/migrate.ts'

/** What `/version` shows; the commit is told by whoever built the image, or by the clone that this runs in. */
export function readVersion(migrations: readonly Migration[], schemaSeen: number): Omit<VersionInfo, 'group'> {
  const newest = migrations.at(-1)?.number ?? 0
  return {
    build: readPackageVersion(),
    commit: process.env['BIGLEARN_COMMIT'] ?? commitOfClone() ?? 'unknown',
    startedAt: new Date(),
    schemaMin: newest,
    schemaMax: newest,
    schemaSeen,
  }
}

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** Undefined where there is no git, or no clone of this very folder. */
function commitOfClone(): string | undefined {
  if (!existsSync(`${root}.git`)) return undefined
  try {
    const words = ['rev-parse', '--short=12', 'HEAD']
    return execFileSync('git', words, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}

function readPackageVersion(): string {
  const text = readFileSync(`${root}package.json`, 'utf8')
  const parsed: unknown = JSON.parse(text)
  const isNamed = typeof parsed === 'object' && parsed !== null && 'version' in parsed
  return isNamed ? String(parsed.version) : 'unknown'
}
