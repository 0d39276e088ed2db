import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { freePort } from '#platform/embedded.ts'

/** `biglearn serve` as a process of its own. */
export interface Program {
  readonly url: string
  readonly child: ChildProcess
  output(): string
  /** SIGTERM, and the code it ends with. */
  stop(): Promise<number>
  /** kill -9. */
  kill(): Promise<void>
}

export interface ProgramOptions {
  readonly databaseUrl: string
  readonly roles?: string
  readonly environment?: NodeJS.ProcessEnv
}

/** Resolves when it is ready; rejects with what it said when it ends before. */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const program = await spawnProgram(options)
  const deadline = performance.now() + 60_000
  while (performance.now() < deadline && program.child.exitCode === null) {
    const answer = await fetch(`${program.url}/readyz`).catch(() => undefined)
    if (answer?.status === 200) return program
    await new Promise((done) => setTimeout(done, 50))
  }
  program.child.kill('SIGKILL')
  throw new Error(`the program is not ready: ${program.output()}`)
}

/** For programs that are expected to refuse. */
export async function spawnProgram(options: ProgramOptions): Promise<Program> {
  const port = await freePort()
  const words = ['src/cli/main.ts', 'serve', '--port', String(port), '--roles', options.roles ?? 'api,learning']
  const environment = { BIGLEARN_LAME_DUCK_MS: '0', ...options.environment, DATABASE_URL: options.databaseUrl }
  const child = spawn(process.execPath, words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  let output = ''
  child.stdout.on('data', (chunk) => (output += chunk))
  child.stderr.on('data', (chunk) => (output += chunk))
  const exited = once(child, 'exit')
  return {
    url: `http://127.0.0.1:${port}`,
    child,
    output: () => output,
    async stop() {
      child.kill('SIGTERM')
      const [code] = await exited
      return code
    },
    async kill() {
      if (child.exitCode === null) child.kill('SIGKILL')
      await exited
    },
  }
}
