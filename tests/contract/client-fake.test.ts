import { createClient } from '#client/client.ts'
import { createFakeServer } from '#client/fake/server.ts'
import { clientContract } from './client-suite.ts'

const { fetch } = createFakeServer()
const client = createClient({ url: 'http://biglearn.test', fetch })

clientContract(() => client)
