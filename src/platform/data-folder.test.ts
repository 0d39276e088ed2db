import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { ConfigurationError } from './config.ts'
import { lockDataFolder } from './data-folder.ts'

const isLinux = process.platform === 'linux'
let folder = ''
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'biglearn-lock-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** Makes the lock look like one that this other, living process took. */
async function lockedBy(pid: number, change: (lines: string[]) => string[] = (lines) => lines): Promise<void> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
  await writeFile(join(folder, 'owner.pid'), change([String(pid), boot, started]).join('\n'))
}

test('a lock is given back, and then it can be taken again', async () => {
  for (let turn = 0; turn < 2; turn += 1) await (await lockDataFolder(folder))()
})

test('a folder of a running process is refused, with the file to remove', { skip: !isLinux }, async () => {
  await lockedBy(process.ppid)
  await assert.rejects(lockDataFolder(folder), (error: unknown) => {
    assert.ok(error instanceof ConfigurationError)
    assert.match(error.message, new RegExp(`in use by process ${process.ppid}$`))
    assert.match(error.nextStep, /--data.*owner\.pid/)
    return true
  })
})

test('a lock of an earlier version, with a number alone, is understood', { skip: !isLinux }, async () => {
  await lockedBy(process.ppid, ([pid = '']) => [pid])
  await assert.rejects(lockDataFolder(folder), ConfigurationError)
})

const others: [string, (lines: string[]) => string[]][] = [
  ['after the machine started again', ([pid = '', , started = '']) => [pid, 'another-boot', started]],
  ['of a process that ended', ([pid = '', boot = '', started = '']) => [pid, boot, `${Number(started) - 1}`]],
]
for (const [how, change] of others) {
  test(`an innocent process held the data folder by having the number ${how}`, { skip: !isLinux }, async () => {
    await lockedBy(process.ppid, change)
    const unlock = await lockDataFolder(folder)
    assert.equal((await readFile(join(folder, 'owner.pid'), 'utf8')).split('\n')[0], String(process.pid))
    await unlock()
  })
}

test('what the program writes about itself is what it is known by', { skip: !isLinux }, async () => {
  const text = `import { lockDataFolder } from './src/platform/data-folder.ts'
    await lockDataFolder(process.argv[1])
    process.stdout.write('locked')
    setInterval(() => undefined, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', text, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  await once(child.stdout, 'data')
  await assert.rejects(lockDataFolder(folder), ConfigurationError)
  child.kill('SIGKILL')
  await ended
  await (await lockDataFolder(folder))()
})
