import { after, before } from 'node:test'
import { type Client, createClient } from '#client/client.ts'
import { clientContract } from './client-suite.ts'
import { type ContractServer, startContractServer } from './contract-server.ts'

let server: ContractServer
let client: Client

before(async () => {
  server = await startContractServer()
  client = createClient({ url: server.url })
})
after(() => server.stop())

clientContract(() => client)
