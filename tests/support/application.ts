import { type Application, type ApplicationOptions, startApplication } from '#cli/serve/application.ts'
import { type AlgorithmName, algorithmsDefault, parseRoles } from '#cli/serve/options.ts'
import { createMigratedDatabase } from '#operate/test-database.ts'
import { createShutdown } from '#platform/shutdown.ts'

/** The whole server in this process, over real HTTP, on a database of its own. */
export interface TestApplication extends Application {
  readonly databaseUrl: string
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
  return {
    ...application,
    databaseUrl,
    post: async <Answer>(path: string, body: unknown) => {
      const answer = await fetch(`${application.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
      const text = await answer.text()
      if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}: ${text}`)
      return JSON.parse(text) as Answer
    },
    stop: () => shutdown.stop('the test is over'),
  }
}
