import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { allEndpoints } from '#api/endpoints.ts'
import { startApplication } from '#cli/serve/application.ts'
import { algorithmsDefault } from '#cli/serve/options.ts'
import { migrate, readMigrations } from '#operate/migrate.ts'
import { createShutdown } from '#platform/shutdown.ts'
import { startTestCluster } from '#platform/test-database.ts'
import { type FuzzFault, fuzz } from './fuzz.ts'

/*
 * `npm run fuzz -- --seconds 60 [--seed N] [--url URL --token T]`: the whole program on a throw-away database, or a
 * server that runs already. Prints requests per endpoint and status; exits 1 and keeps the requests that found a fault.
 */
const program = new Command('fuzz')
  .description('Sends valid, nearly valid and hostile requests; exits 1 and keeps the requests that found a fault.')
  .option('--seconds <n>', 'how long', numberFrom(1), 30)
  .option('--seed <n>', 'repeats a run (default: by the clock)', numberFrom(0))
  .option('--url <url>', 'a server that runs already, instead of one on a throw-away database')
  .option('--token <secret>', 'of that server', '')
  .showHelpAfterError('(run with --help for the options)')
  .parse()
const values = program.opts<{ seconds: number; seed?: number; url?: string; token: string }>()
const { seconds, seed = Date.now() % 1_000_000 } = values

function numberFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (Number.isInteger(value) && value >= least) return value
    throw new InvalidArgumentError(`must be a whole number from ${least}.`)
  }
}

const say = (line: string): void => void process.stderr.write(`${line}\n`)
const shutdown = createShutdown(() => undefined)
const url = values.url ?? (await startWholeProgram())
const headersOfTokens = ['biglearn-api-token', 'biglearn-sparfa-token', 'biglearn-scheduler-token']
const bearer = { authorization: `Bearer ${values.token}` }
const tokens: Record<string, string> =
  values.token === '' ? {} : { ...bearer, ...Object.fromEntries(headersOfTokens.map((name) => [name, values.token])) }

say(`fuzzing ${url} for ${seconds} s with seed ${seed}`)
const deadline = performance.now() + seconds * 1000
const goOn = (): boolean => performance.now() < deadline
const { endpoints, faults } = await fuzz({ url, tokens, endpoints: allEndpoints, seed, inFlight: 8, goOn })
for (const [name, { statuses, slowestMs }] of endpoints) {
  const numbers = [...statuses].sort(([left], [right]) => left - right).map(([status, count]) => ` ${status}: ${count}`)
  process.stdout.write(`${name.padEnd(38)}${numbers.join(' ').padEnd(50)} slowest ${Math.round(slowestMs)} ms\n`)
}
for (const fault of faults) await keep(fault)
await shutdown.stop('done')
process.stdout.write(faults.length === 0 ? 'no fault found\n' : `${faults.length} faults, in artefacts/fuzz\n`)
process.exitCode = faults.length === 0 ? 0 : 1

async function startWholeProgram(): Promise<string> {
  const cluster = await startTestCluster()
  shutdown.add('the database', 20_000, () => cluster.stop())
  await migrate(cluster.url, await readMigrations())
  const application = await startApplication(
    {
      databaseUrl: cluster.url,
      roles: new Set(['api', 'learning', 'due', 'trainer']),
      algorithms: algorithmsDefault,
      host: '127.0.0.1',
      port: 0,
      managementPort: undefined,
      tokens: { api: [], scheduler: [], sparfa: [], operator: [] },
      lameDuckMs: 0,
      say,
    },
    shutdown,
  )
  return application.url
}

async function keep({ request, reason }: FuzzFault): Promise<void> {
  const folder = join('artefacts', 'fuzz')
  await mkdir(folder, { recursive: true })
  const file = join(folder, `${request.endpoint}-${seed}-${faults.findIndex((fault) => fault.request === request)}`)
  await writeFile(`${file}.body`, request.body)
  const { body: _, ...head } = request
  await writeFile(`${file}.json`, `${JSON.stringify({ ...head, reason }, null, 2)}\n`)
  say(`FAULT ${request.method} ${request.path}: ${reason}`)
}
