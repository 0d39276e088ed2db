import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createProgram } from '#cli/program.ts'

/** Documents that name files, packages and commands must stay true while these change. */
const root = fileURLToPath(new URL('../', import.meta.url))
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const documents = ['README.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: root })]

interface Package {
  readonly scripts: { readonly [name: string]: string }
  readonly [key: string]: unknown
}
const manifest = JSON.parse(read('package.json')) as Package

test('each package has its reason, and each reason its package', () => {
  const groups = ['dependencies', 'devDependencies', 'optionalDependencies']
  const manifests = [manifest, JSON.parse(read('bench/peers/package.json')) as Package]
  const needed = manifests.flatMap((one) => groups.flatMap((group) => Object.keys((one[group] ?? {}) as object))).sort()
  const explained = [...read('docs/dependencies.md').matchAll(/^\| `([^`]+)` \| (.*) \|$/gm)]
  assert.deepEqual(explained.map((row) => row[1]).sort(), needed)
  for (const [, name, reason] of explained)
    assert.ok(reason !== undefined && reason.length > 4, `${name} has no reason`)
})

test('files that documents name exist', () => {
  for (const document of documents) {
    for (const [, path] of read(document).matchAll(
      /`((?:src|sql|tests|tools|bench|docs|examples|infra)\/[^`*<>\s]*)`/g,
    )) {
      assert.ok(path !== undefined && existsSync(join(root, path)), `${document} names ${path}`)
    }
  }
})

test('links between documents lead somewhere', () => {
  for (const document of documents) {
    for (const [, target] of read(document).matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)) {
      assert.ok(existsSync(join(root, dirname(document), target ?? '')), `${document} links to ${target}`)
    }
  }
})

test('every document can be reached from the README', () => {
  const reached = new Set(['README.md'])
  for (const document of reached) {
    for (const [, target] of read(document).matchAll(/\]\((?!https?:)([^)#]+\.md)(?:#[^)]*)?\)/g)) {
      reached.add(join(dirname(document), target ?? ''))
    }
  }
  assert.deepEqual(
    documents.filter((document) => document !== 'CHANGELOG.md' && !reached.has(document)),
    [],
  )
})

test('commands that documents show are scripts of the package', () => {
  for (const document of documents) {
    for (const [, script] of read(document).matchAll(/\bnpm run ([\w:-]+)/g)) {
      assert.ok(script !== undefined && script in manifest.scripts, `${document} shows npm run ${script}`)
    }
  }
})

test('commands of Biglearn that documents and help texts show exist, with the options shown', () => {
  const { commands } = createProgram()
  let shown = 0
  for (const document of [...documents, ...globSync('src/cli/**/*.ts', { cwd: root })]) {
    // A sample may go on in the next line. What is no line of a sample stands in quotes. `biglearn sparfa: …` is said.
    const text = read(document).replaceAll(/\\{1,2}\n\s*/g, '')
    for (const [, words = ''] of text.matchAll(/(?:^ *|[`"]|npm run )biglearn (?:-- )?([a-z]+(?![a-z:])[^`"\n#]*)/gm)) {
      const [first, second = ''] = words.split(' ')
      const command = commands.find((one) => one.name() === first)
      assert.ok(command, `${document} shows biglearn ${words}`)
      const names = command.commands.length > 0 && /^[a-z]/.test(second) ? second.split('|') : []
      const below = names.map((name) => command.commands.find((one) => one.name() === name))
      const options = [command, ...below].flatMap((one) => one?.options ?? []).map(({ long }) => long)
      const unknown = [...words.matchAll(/--[a-z-]+/g)].filter(([option]) => !options.includes(option))
      assert.deepEqual([below.includes(undefined), unknown.flat()], [false, []], `${document} shows biglearn ${words}`)
      shown += 1
    }
  }
  assert.ok(shown > 40, `only ${shown} were found`)
})

test('benchmarks that documents show exist', () => {
  const known = [...read('bench/main.ts').matchAll(/^bench\(\s*'([a-z]+)'/gm)].map(([, name]) => name)
  for (const document of [...documents, 'bench/README.md']) {
    for (const [, name] of read(document).matchAll(/npm run bench -- ([a-z][\w-]*)/g)) {
      assert.ok(known.includes(name ?? ''), `${document} shows npm run bench -- ${name}`)
    }
  }
})

test('the README can be read in one go, and its map names every module', () => {
  const readme = read('README.md')
  assert.ok(readme.split('\n').length <= 150)
  for (const module of globSync('src/*', { cwd: root })) {
    const holdsCode = globSync(`${module}/**/*.{ts,tsx}`, { cwd: root }).length > 0
    if (holdsCode) assert.ok(readme.includes(`\`${module}/\``), `README.md leaves out ${module}/`)
  }
})

test('each decision has a status, a context, a decision, consequences, and what would change it', () => {
  const numbers = globSync('docs/adr/*.md', { cwd: root }).sort()
  for (const [index, path] of numbers.entries()) {
    assert.match(path, new RegExp(`/${String(index + 1).padStart(4, '0')}-[a-z0-9-]+\\.md$`))
    const headings = [...read(path).matchAll(/^## (.*)$/gm)].map((match) => match[1])
    const needed = ['Context', 'Decision', 'Consequences', 'When to revisit']
    assert.deepEqual(
      needed.filter((heading) => headings.includes(heading)),
      needed,
      path,
    )
    assert.match(read(path), /^Status: (?:proposed|accepted|replaced by \d{4})$/m)
  }
})
