import { setTimeout as sleep } from 'node:timers/promises'
import { type Application, type ApplicationOptions, startApplication } from '#cli/serve/application.ts'
import { type AlgorithmName, algorithmsDefault, parseRoles } from '#cli/serve/options.ts'
import { createMigratedDatabase } from '#operate/test-database.ts'
import { createShutdown } from '#platform/shutdown.ts'

/** The whole server in this process, over real HTTP, on a database of its own. */
export interface TestApplication extends Application {
  readonly databaseUrl: string
  /** The text of a good answer; a read that was too early for a slow machine is asked again. */
  ask(path: string, body: unknown): Promise<string>
  post<Answer = Record<string, unknown>>(path: string, body: unknown): Promise<Answer>
  stop(): Promise<void>
}

export async function startTestApplication(
  roles = 'api,learning,due,trainer',
  algorithms: readonly AlgorithmName[] = algorithmsDefault,
  changes: Partial<ApplicationOptions> = {},
): Promise<TestApplication> {
  const database = await createMigratedDatabase()
  const application = await startApplicationOn(database.url, roles, algorithms, changes)
  return {
    ...application,
    stop: async () => {
      await application.stop()
      await database.drop()
    },
  }
}

/** The same on a database that stays when it stops. */
export async function startApplicationOn(
  databaseUrl: string,
  roles = 'api,learning,due,trainer',
  algorithms: readonly AlgorithmName[] = algorithmsDefault,
  changes: Partial<ApplicationOptions> = {},
): Promise<TestApplication> {
  const said: string[] = []
  const shutdown = createShutdown((line) => said.push(line))
  const application = await startApplication(
    {
      databaseUrl,
      roles: parseRoles(roles),
      algorithms,
      host: '127.0.0.1',
      port: 0,
      managementPort: undefined,
      tokens: { api: [], scheduler: [], sparfa: [], operator: [] },
      lameDuckMs: 0,
      say: (line) => said.push(line),
      ...changes,
    },
    shutdown,
  )
  const ask = async (path: string, body: unknown): Promise<string> => {
    for (let left = 60; ; left -= 1) {
      const answer = await fetch(`${application.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      const text = await answer.text()
      if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}: ${text}`)
      if (left === 0 || !answer.headers.has('biglearn-behind')) return text
    }
  }
  return {
    ...application,
    databaseUrl,
    ask,
    post: async <Answer>(path: string, body: unknown) => JSON.parse(await ask(path, body)) as Answer,
    stop: () => shutdown.stop('the test is over'),
  }
}

/** The matrix in use for the one ecosystem there is, once there is one that is wanted. */
export async function untilMatrix(
  { url }: Pick<TestApplication, 'url'>,
  isWanted: (matrix: string) => boolean = () => true,
): Promise<string> {
  for (let turn = 0; turn < 600; turn += 1) {
    const answer = await fetch(`${url}/status`)
    const { ecosystems } = (await answer.json()) as { ecosystems: { matrix_uuid: string | null }[] }
    const matrix = ecosystems[0]?.matrix_uuid ?? null
    if (matrix !== null && isWanted(matrix)) return matrix
    await sleep(100)
  }
  throw new Error('no such matrix within a minute')
}

/** One matrix for good: a trainer that goes on fits another one a minute later, in the middle of a slow test. */
export async function fitOnce(application: TestApplication): Promise<void> {
  const trainer = await startApplicationOn(application.databaseUrl, 'trainer')
  await untilMatrix(application).finally(() => trainer.stop())
}
