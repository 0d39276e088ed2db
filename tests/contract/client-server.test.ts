import { after, before, describe } from 'node:test'
import { type Client, createClient } from '#client/client.ts'
import { clientContract } from './client-suite.ts'
import { type Backend, type ContractServer, startContractServer } from './contract-server.ts'

for (const backend of ['memory', 'postgres'] satisfies Backend[]) {
  describe(backend, () => {
    let server: ContractServer
    let client: Client

    before(async () => {
      server = await startContractServer(backend)
      client = createClient({ url: server.url })
    })
    after(() => server.stop())

    clientContract(() => client)
  })
}
