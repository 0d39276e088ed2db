import { posix } from 'node:path'
import { type EcmaScriptModule, parseSync } from 'oxc-parser'
import type { Finding, SourceFile } from './tidy-rules.ts'

/**
 * What one file alone cannot show: imports that lead back to where they began, and exports that nobody uses. Types are
 * left out of circles, because they vanish when the program runs.
 */
interface Parsed {
  readonly file: SourceFile
  readonly module: EcmaScriptModule
}

export function graphFindings(files: readonly SourceFile[]): Finding[] {
  const parsed = new Map(files.map((file) => [file.path, { file, module: parseSync(file.path, file.text).module }]))
  return [...circleFindings(parsed), ...unusedFindings(parsed)]
}

/** `undefined` for packages. */
function targetOf(path: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return `src/${specifier.slice(1)}`
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : undefined
}

function circleFindings(parsed: ReadonlyMap<string, Parsed>): Finding[] {
  const findings: Finding[] = []
  const done = new Set<string>()
  const way: string[] = []
  const visit = (path: string): void => {
    const begin = way.indexOf(path)
    if (begin !== -1) {
      findings.push({ path, line: 1, message: `imports itself: ${[...way.slice(begin + 1), path].join(' → ')}` })
      return
    }
    if (done.has(path)) return
    way.push(path)
    for (const target of valueImports(path, parsed.get(path)?.module)) visit(target)
    way.pop()
    done.add(path)
  }
  for (const path of parsed.keys()) visit(path)
  return findings
}

function valueImports(path: string, module: EcmaScriptModule | undefined): string[] {
  return (module?.staticImports ?? []).flatMap(({ moduleRequest, entries }) => {
    const isTypeOnly = entries.length > 0 && entries.every(({ isType }) => isType)
    const target = isTypeOnly ? undefined : targetOf(path, moduleRequest.value)
    return target === undefined ? [] : [target]
  })
}

const everything = '*'

function unusedFindings(parsed: ReadonlyMap<string, Parsed>): Finding[] {
  const used = usedNames(parsed)
  return [...parsed.values()].flatMap(({ file, module }) => {
    // The client is published: its users are elsewhere.
    if (!file.path.startsWith('src/') || file.path.startsWith('src/client/')) return []
    // What these export, a WebAssembly module exports.
    if (file.path.includes('/assembly/')) return []
    const names = used.get(file.path)
    if (names?.has(everything)) return []
    return module.staticExports.flatMap(({ entries }) =>
      entries.flatMap(({ exportName, moduleRequest, isType, start }): Finding[] => {
        const name = exportName.name
        if (name === null || moduleRequest !== null || names?.has(name)) return []
        // Types of what others use are exported with it.
        if (isType && isUsedInside(file.text, name)) return []
        const line = file.text.slice(0, start).split('\n').length
        return [{ path: file.path, line, message: `nobody uses “${name}”` }]
      }),
    )
  })
}

/** Once for its declaration. */
function isUsedInside(text: string, name: string): boolean {
  return (text.match(new RegExp(`(?<![\\w$])${name.replaceAll('$', '\\$')}(?![\\w$])`, 'g'))?.length ?? 0) > 1
}

function usedNames(parsed: ReadonlyMap<string, Parsed>): Map<string, Set<string>> {
  const used = new Map<string, Set<string>>()
  const use = (path: string, specifier: string, name: string): void => {
    const target = targetOf(path, specifier)
    if (target === undefined) return
    const names = used.get(target) ?? new Set<string>()
    used.set(target, names.add(name))
  }
  for (const [path, { file, module }] of parsed) {
    for (const { moduleRequest, entries } of module.staticImports) {
      for (const { importName } of entries) use(path, moduleRequest.value, importName.name ?? everything)
    }
    for (const { entries } of module.staticExports) {
      for (const { moduleRequest, importName } of entries) {
        if (moduleRequest !== null) use(path, moduleRequest.value, importName.name ?? everything)
      }
    }
    for (const { moduleRequest } of module.dynamicImports) {
      const specifier = file.text.slice(moduleRequest.start, moduleRequest.end).replaceAll(/^['"`]|['"`]$/g, '')
      use(path, specifier, everything)
    }
  }
  return used
}
