import assert from 'node:assert/strict'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { test } from 'node:test'
import { currentUser } from './current-user.ts'
import { createProgram } from './program.ts'

test('a user without an entry in /etc/passwd, as in many containers, can run every command', (context) => {
  const unlisted = context.mock.method(os, 'userInfo', () => {
    throw new Error('uv_os_get_passwd returned ENOENT')
  })
  syncBuiltinESMExports()
  context.after(() => {
    unlisted.mock.restore()
    syncBuiltinESMExports()
  })
  assert.equal(currentUser(), `uid ${process.getuid?.()}`)
  assert.ok(createProgram().commands.length > 5)
})
