import { writeFile } from 'node:fs/promises'
import { allEndpoints } from '#api/endpoints.ts'
import { openApiDocument } from '#api/openapi.ts'

/* Writes docs/openapi.json, which a test compares with the server: a change of the wire shows in its review. */
await writeFile('docs/openapi.json', `${JSON.stringify(openApiDocument(allEndpoints), null, 2)}\n`)
