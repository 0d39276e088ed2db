import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { access, glob, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { buildClient } from './build-client.ts'

const run = promisify(execFile)
let project: string
let built: string

before(async () => {
  project = await mkdtemp(join(tmpdir(), 'biglearn-package-'))
  built = join(project, 'node_modules/biglearn-client')
  await buildClient(built)
})
after(() => rm(project, { recursive: true }))

test('the package imports nothing but itself, and holds no tests', async () => {
  const files = await Array.fromAsync(glob('**/*.{js,d.ts}', { cwd: built }))
  assert.ok(files.includes('client.js') && files.includes('client.d.ts'))
  for (const file of files) {
    assert.doesNotMatch(file, /(^|\/)test-|\.test\./)
    const text = await readFile(join(built, file), 'utf8')
    for (const [, specifier] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g)) {
      assert.match(specifier!, file.endsWith('.js') ? /^\.\.?\/.*\.js$/ : /^\.\.?\//, `${file} imports ${specifier}`)
    }
  }
})

test('its own description names nothing that is not there', async () => {
  const text = await readFile(join(built, 'README.md'), 'utf8')
  const imports = [...text.matchAll(/import \{ ([^}]+) \} from 'biglearn-client(?:\/([^']+))?'/g)]
  assert.ok(imports.length >= 4)
  for (const [, names, subpath = 'client'] of imports) {
    const exported = Object.keys(await import(join(built, `${subpath}.js`)))
    for (const name of names!.split(', ')) assert.ok(exported.includes(name), `${subpath} does not export ${name}`)
  }
})

const program = `
import { createClient, RequestRefused } from 'biglearn-client'
import { createDelivery } from 'biglearn-client/delivery'
import { createFakeServer } from 'biglearn-client/fake/server'
import { createMemoryOutbox } from 'biglearn-client/outbox-memory'

const fake = createFakeServer()
const client = createClient({ url: 'http://biglearn.test', fetch: fake.fetch })
const outbox = createMemoryOutbox()
const course_uuid = crypto.randomUUID()
const time = '2026-01-01T00:00:00Z'
const payload = { course_uuid, ecosystem_uuid: course_uuid, is_real_course: true, starts_at: time, ends_at: time, created_at: time }
await outbox.transaction((transaction) => outbox.enqueue(transaction, [{ endpoint: 'create_course', payload }]))
await createDelivery({ store: outbox, transport: client.transport, onIncident: console.error, onHalt: console.error }).drain()
const refused = await client.recordNoOps([{ request_uuid: course_uuid, course_uuid, sequence_number: 0 }]).catch((error) => error)
const [status] = await client.fetchStreamStatuses([{ request_uuid: course_uuid, course_uuid }])
console.log(JSON.stringify([status.next_sequence_number, refused instanceof RequestRefused]))
`

test('the package runs in this Node and in the one the machine came with', async () => {
  await writeFile(join(project, 'program.mjs'), program)
  for (const node of new Set([process.execPath, ...(await nodesOnPath())])) {
    const { stdout } = await run(node, ['program.mjs'], { cwd: project })
    assert.equal(stdout, '[1,true]\n', `under ${node}`)
  }
})

/** Programs named `node` outside node_modules, if new enough. */
async function nodesOnPath(): Promise<string[]> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules'))
  const found: string[] = []
  for (const folder of folders) {
    const path = join(folder, 'node')
    const version = await access(path).then(
      async () => (await run(path, ['--version'])).stdout,
      () => undefined,
    )
    if (version !== undefined && Number(/^v(\d+)/.exec(version)?.[1]) >= 20) found.push(path)
  }
  return found
}
