import { glob, readFile } from 'node:fs/promises'
import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tidy } from './tidy-rules.ts'

/** `npm run tidy`: the architecture check over every source file; prints what it finds and fails then. */
const root = fileURLToPath(new URL('../', import.meta.url))
const paths = await Array.fromAsync(glob('{src,tests,bench,tools}/**/*.{ts,tsx}', { cwd: root }))
const findings = await Promise.all(
  paths
    .sort()
    .map(async (path) => tidy({ path: path.split(sep).join('/'), text: await readFile(`${root}${path}`, 'utf8') })),
)
for (const { path, line, message } of findings.flat()) process.stderr.write(`${path}:${line}: ${message}\n`)
process.exitCode = findings.flat().length === 0 ? 0 : 1
