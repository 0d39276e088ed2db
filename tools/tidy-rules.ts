import { posix } from 'node:path'
import { type Node, type ParseResult, parseSync, visitorKeys } from 'oxc-parser'
import { moduleMap, pureModules, pureNodePackages, sqlModules, typeOnlyImporters } from './module-map.ts'

/**
 * What a compiler and a formatter do not see: imports that point the wrong way, input and output in a pure module, SQL
 * outside its modules, files and functions that grew too long, names that say nothing. Pure: a file in, findings out.
 */
export interface SourceFile {
  /** From the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

export interface Finding {
  readonly path: string
  readonly line: number
  readonly message: string
}

const fileLinesMax = 500
const functionLinesMax = 70
const lineCharactersMax = 120
/** A line that holds a text of this many characters, such as the name of a test, may be longer. */
const longText = 80
const emptyNames = new Set(['index', 'utils', 'util', 'helpers', 'helper', 'common', 'manager', 'misc'])
const openEnds = /\b(?:TODO|FIXME|XXX|HACK)\b/

interface Checked {
  readonly file: SourceFile
  readonly parsed: ParseResult
  /** Name of the module below `src/`, `undefined` elsewhere. */
  readonly module: string | undefined
  /** Tests and what only they use may import anything and be as long as a story needs. */
  readonly isTest: boolean
}

export function tidy(file: SourceFile): Finding[] {
  const parsed = parseSync(file.path, file.text)
  if (parsed.errors.length > 0) return [finding(file, 0, `cannot be parsed: ${parsed.errors[0]?.message}`)]
  const checked: Checked = { file, parsed, module: moduleOf(file.path), isTest: isTestPath(file.path) }
  return [...lengthFindings(checked), ...nameFindings(checked), ...importFindings(checked), ...codeFindings(checked)]
}

/**
 * Migrations are numbered from 1 without a hole: where two branches took the same number, the finding is at the second.
 * `paths` ascend.
 */
export function migrationFindings(paths: readonly string[]): Finding[] {
  return paths.flatMap((path, index) => {
    const wanted = String(index + 1).padStart(6, '0')
    return posix.basename(path).startsWith(`${wanted}_`) ? [] : [{ path, line: 1, message: `must be number ${wanted}` }]
  })
}

function moduleOf(path: string): string | undefined {
  const [root, name, ...rest] = path.split('/')
  return root === 'src' && rest.length > 0 ? name : undefined
}

function isTestPath(path: string): boolean {
  return /\.test\.tsx?$/.test(path) || posix.basename(path).startsWith('test-') || /^(?:tests|bench)\//.test(path)
}

function finding(file: SourceFile, offset: number, message: string): Finding {
  return { path: file.path, line: lineAt(file.text, offset), message }
}

function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line++
  return line
}

function lengthFindings({ file, parsed }: Checked): Finding[] {
  const lines = file.text.split('\n')
  const findings: Finding[] = []
  const count = lines.at(-1) === '' ? lines.length - 1 : lines.length
  if (count > fileLinesMax) findings.push(finding(file, 0, `has ${count} lines; ${fileLinesMax} at most`))
  if (lines.every((line) => line.length <= lineCharactersMax)) return findings
  const quoted = quotedRanges(parsed.program)
  let offset = 0
  for (const line of lines) {
    const end = offset + line.length
    const isText = quoted.some((text) => text.start < end && text.end > offset && text.end - text.start > longText)
    if (line.length > lineCharactersMax && !isText) {
      findings.push(finding(file, offset, `has ${line.length} characters; ${lineCharactersMax} at most`))
    }
    offset += line.length + 1
  }
  return findings
}

function quotedRanges(program: Node): Pick<Node, 'start' | 'end'>[] {
  const ranges: Pick<Node, 'start' | 'end'>[] = []
  walk(program, (node) => {
    if (node.type === 'TemplateLiteral' || textOf(node) !== undefined) ranges.push(node)
  })
  return ranges
}

function nameFindings({ file, parsed }: Checked): Finding[] {
  const name = posix.basename(file.path).split('.')[0] ?? ''
  const findings: Finding[] = []
  if (emptyNames.has(name)) findings.push(finding(file, 0, `“${name}” says nothing about what the file holds`))
  const statements = parsed.program.body
  const isBarrel = statements.length > 0 && statements.every(isReexport)
  if (isBarrel) findings.push(finding(file, 0, 'only passes on other files: import them where they are'))
  for (const comment of parsed.comments) {
    if (openEnds.test(comment.value)) findings.push(finding(file, comment.start, 'leaves an open end in a comment'))
  }
  return findings
}

function isReexport(statement: Node): boolean {
  if (statement.type === 'ExportAllDeclaration') return true
  return statement.type === 'ExportNamedDeclaration' && statement.source !== null
}

interface Import {
  readonly specifier: string
  readonly offset: number
  readonly isTypeOnly: boolean
}

function importsOf({ parsed, file }: Checked): Import[] {
  const statics = parsed.module.staticImports.map(({ moduleRequest, entries, start }): Import => {
    const isTypeOnly = entries.length > 0 && entries.every((entry) => entry.isType)
    return { specifier: moduleRequest.value, offset: start, isTypeOnly }
  })
  const passedOn = parsed.module.staticExports.flatMap(({ entries, start }) =>
    entries.flatMap((entry): Import[] =>
      entry.moduleRequest === null
        ? []
        : [{ specifier: entry.moduleRequest.value, offset: start, isTypeOnly: entry.isType }],
    ),
  )
  const dynamics = parsed.module.dynamicImports.map(({ moduleRequest, start }): Import => {
    const source = file.text.slice(moduleRequest.start, moduleRequest.end)
    return { specifier: source.replaceAll(/^['"`]|['"`]$/g, ''), offset: start, isTypeOnly: false }
  })
  return [...statics, ...passedOn, ...dynamics]
}

function importFindings(checked: Checked): Finding[] {
  const { file, module, isTest } = checked
  if (module === undefined) return []
  if (!moduleMap.has(module)) return [finding(file, 0, `src/${module}/ is not a module of tools/module-map.ts`)]
  return importsOf(checked).flatMap((imported) => {
    const message = problemOf(imported, { path: file.path, module, isTest })
    return message === undefined ? [] : [finding(file, imported.offset, message)]
  })
}

interface Importer {
  readonly path: string
  readonly module: string
  readonly isTest: boolean
}

function problemOf({ specifier, isTypeOnly }: Import, { path, module, isTest }: Importer): string | undefined {
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier)
    if (moduleOf(target) === module) return undefined
    return isTest && !target.startsWith('src/') ? undefined : `“${specifier}” leaves the module: use #module/file.ts`
  }
  if (specifier.startsWith('#')) {
    const target = specifier.slice(1).split('/')[0] ?? ''
    if (target === module) return `“${specifier}” is in this module: import it as ./file.ts`
    if (!isTest && moduleMap.get(module)?.has(target) !== true) return `${module} must not import ${target}`
    if (typeOnlyImporters.has(module) && !isTest && !isTypeOnly) return `${module} may import only types of ${target}`
    return undefined
  }
  if (isTest) return undefined
  if (pureModules.has(module) && !pureNodePackages.has(specifier))
    return `${module} is pure and must not use ${specifier}`
  if (specifier === 'pg' && !isTypeOnly && !sqlModules.has(module)) return `${module} must not talk to PostgreSQL`
  return undefined
}

/** Beginnings of statements that only SQL has; prose in messages does not look like this. */
const sqlText =
  /^\s*(?:select\s+(?:\w+\(|[^;]*\sfrom\s)|insert into\s|update\s+\w+\s+set\s|delete from\s|with\s+\w+\s+as\s?\()/

function codeFindings(checked: Checked): Finding[] {
  const { file, module, isTest, parsed } = checked
  const isPure = module !== undefined && pureModules.has(module) && !isTest
  const holdsSql = module === undefined || isTest || sqlModules.has(module)
  const findings: Finding[] = []
  walk(parsed.program, (node) => {
    const lines = lineAt(file.text, node.end) - lineAt(file.text, node.start) + 1
    if (!isTest && isFunction(node) && lines > functionLinesMax) {
      findings.push(finding(file, node.start, `is a function of ${lines} lines; ${functionLinesMax} at most`))
    }
    const impurity = isPure ? impurityOf(node) : undefined
    if (impurity !== undefined)
      findings.push(finding(file, node.start, `${module} is pure and must not use ${impurity}`))
    if (!holdsSql && sqlText.test(textOf(node) ?? '')) {
      findings.push(finding(file, node.start, `${module} must not hold SQL`))
    }
  })
  return findings
}

function walk(node: Node, visit: (node: Node) => void): void {
  visit(node)
  const fields = node as unknown as { readonly [key: string]: unknown }
  for (const key of visitorKeys[node.type] ?? []) {
    const value = fields[key]
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child !== null && child !== undefined) walk(child as Node, visit)
    }
  }
}

function isFunction(node: Node): boolean {
  return /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)
}

function textOf(node: Node): string | undefined {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value
  return node.type === 'TemplateElement' ? node.value.raw : undefined
}

const impureMembers = new Set(['Date.now', 'Math.random', 'performance.now', 'crypto.randomUUID'])
const impureNames = new Set(['process', 'setTimeout', 'setInterval', 'setImmediate', 'fetch'])
const impureImports = new Set(['randomUUID', 'randomBytes', 'randomInt', 'randomFill', 'randomFillSync'])

function impurityOf(node: Node): string | undefined {
  if (node.type === 'AwaitExpression') return 'await'
  if ('async' in node && node.async === true) return 'async'
  if (node.type === 'ForOfStatement' && node.await) return 'for await'
  if (node.type === 'NewExpression' && node.callee.type === 'Identifier' && node.callee.name === 'Date') {
    return node.arguments.length === 0 ? 'the clock' : undefined
  }
  if (node.type === 'ImportSpecifier' && node.imported.type === 'Identifier') {
    return impureImports.has(node.imported.name) ? node.imported.name : undefined
  }
  if (node.type === 'CallExpression' && node.callee.type === 'Identifier') {
    return impureNames.has(node.callee.name) ? node.callee.name : undefined
  }
  if (node.type !== 'MemberExpression' || node.object.type !== 'Identifier') return undefined
  if (impureNames.has(node.object.name)) return node.object.name
  if (node.property.type !== 'Identifier' || node.computed) return undefined
  const name = `${node.object.name}.${node.property.name}`
  return impureMembers.has(name) ? name : undefined
}
