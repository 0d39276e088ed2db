/**
 * The modules of `src/` and what each may import (docs/architecture.md). A level may import every level below it and
 * none beside or above it: an import that is not listed here is an architecture change and needs an ADR.
 */
const levels: readonly (readonly string[])[] = [
  ['domain'],
  ['choose', 'estimate'],
  ['log'],
  ['crew'],
  ['learning', 'due'],
  ['answers'],
  ['api', 'operate'],
  ['cli'],
]

/** Rules, numerics and choices: same inputs, same answer. */
export const pureModules: ReadonlySet<string> = new Set(['domain', 'choose', 'estimate'])

/** Modules that may hold SQL; the client's is for the outbox in its caller's database. */
export const sqlModules: ReadonlySet<string> = new Set([
  'log',
  'crew',
  'learning',
  'due',
  'operate',
  'platform',
  'client',
])

/** Packages of Node that a pure module may use: they only compute. */
export const pureNodePackages: ReadonlySet<string> = new Set(['node:crypto', 'node:assert', 'node:assert/strict'])

export const moduleMap: ReadonlyMap<string, ReadonlySet<string>> = new Map<string, ReadonlySet<string>>([
  ...levels.flatMap((modules, level) =>
    modules.map((name): [string, ReadonlySet<string>] => {
      const below = levels.slice(0, level).flat()
      const shells = pureModules.has(name) ? [] : ['platform']
      // The command line also runs the demonstration, which is a client like any other.
      const clients = name === 'cli' ? ['client'] : []
      return [name, new Set([...below, ...shells, ...clients])]
    }),
  ),
  ['platform', new Set<string>()],
  // Published on its own.
  ['client', new Set<string>()],
  // Runs in the browser; of these two only types (checked by `tidy-rules.ts`).
  ['console', new Set(['api', 'domain'])],
])

/** Modules whose imports must vanish when types are stripped. */
export const typeOnlyImporters: ReadonlySet<string> = new Set(['console'])
