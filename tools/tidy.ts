import { glob, readFile } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { graphFindings } from './source-graph.ts'
import { migrationFindings, type SourceFile, tidy } from './tidy-rules.ts'

/** `npm run tidy`: the architecture check over every source file and migration; prints what it finds and fails then. */
const root = fileURLToPath(new URL('../', import.meta.url))
const exclude = ['**/node_modules/**']
const paths = await Array.fromAsync(glob('{src,tests,bench,tools}/**/*.{ts,tsx}', { cwd: root, exclude }))
const files = await Promise.all(
  paths.sort().map(
    async (path): Promise<SourceFile> => ({
      path: path.split(sep).join('/'),
      text: await readFile(join(root, path), 'utf8'),
    }),
  ),
)
const migrations = await Array.fromAsync(glob('sql/*.sql', { cwd: root }))
const findings = [...files.flatMap(tidy), ...graphFindings(files), ...migrationFindings(migrations.sort())]
for (const { path, line, message } of findings) process.stderr.write(`${path}:${line}: ${message}\n`)
process.exitCode = findings.length === 0 ? 0 : 1
