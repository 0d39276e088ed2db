import { execFile } from 'node:child_process'
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/**
 * `npm run build:client`: the client as an npm package in dist/client, ready for `npm publish`. It is the one thing
 * that is compiled, because Node strips no types below node_modules. Compiled without the types of Node and with those
 * of browsers, so that it can hold nothing that only one of them has.
 */
const root = fileURLToPath(new URL('../', import.meta.url))

export async function buildClient(folder: string): Promise<void> {
  const target = resolve(folder)
  await rm(target, { recursive: true, force: true })
  await mkdir(target, { recursive: true })
  const compiler = join(root, 'node_modules/.bin/tsc')
  await promisify(execFile)(compiler, ['-p', join(root, 'tsconfig.client.json'), '--outDir', target])
  await writeFile(join(target, 'package.json'), `${JSON.stringify(await manifest(), null, 2)}\n`)
  await copyFile(join(root, 'src/client/README.md'), join(target, 'README.md'))
  await copyFile(join(root, 'LICENSE'), join(target, 'LICENSE'))
}

async function manifest(): Promise<object> {
  const project = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string; license: string }
  return {
    name: 'biglearn-client',
    version: project.version,
    description: 'Client of the Biglearn API: typed calls with retries, a transactional outbox, an in-memory fake.',
    license: project.license,
    type: 'module',
    engines: { node: '>=20' },
    sideEffects: false,
    exports: { '.': './client.js', './*': './*.js' },
  }
}

if (import.meta.main) {
  const folder = join(root, 'dist/client')
  await buildClient(folder)
  process.stdout.write(`built ${folder}\n`)
}
