import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ConfigurationError, readTokens } from './config.ts'

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'biglearn-config-'))
})
after(() => rm(folder, { recursive: true, force: true }))

async function fileWith(text: string): Promise<string> {
  const path = join(folder, 'token')
  await writeFile(path, text)
  return path
}

test('tokens are lists, from the variable or the file that it names; one that is not set is open', async () => {
  const file = await fileWith('one, two\n')
  const tokens = readTokens({
    BIGLEARN_API_TOKEN_FILE: file,
    BIGLEARN_SPARFA_TOKEN: 'three',
    BIGLEARN_OPERATOR_TOKEN: '',
  })
  assert.deepEqual(tokens, { api: ['one', 'two'], scheduler: [], sparfa: ['three'], operator: [] })
})

test('an empty token file meant open, also behind a proxy', async () => {
  for (const text of ['', '\n', ' , \n']) {
    const file = await fileWith(text)
    assert.throws(
      () => readTokens({ BIGLEARN_API_TOKEN_FILE: file }),
      (error) => {
        assert.ok(error instanceof ConfigurationError)
        assert.equal(error.message, `BIGLEARN_API_TOKEN_FILE names ${file}, which holds no token`)
        return true
      },
    )
  }
  assert.throws(() => readTokens({ BIGLEARN_SPARFA_TOKEN: ' ,' }), /BIGLEARN_SPARFA_TOKEN holds no token/)
})
