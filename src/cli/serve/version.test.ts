import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parseMigration } from '#operate/migrate.ts'
import { readVersion } from './version.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

test('in a clone the commit is known, and whoever built an image has the last word', (context) => {
  context.after(() => Reflect.deleteProperty(process.env, 'BIGLEARN_COMMIT'))
  Reflect.deleteProperty(process.env, 'BIGLEARN_COMMIT')
  const git = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' })
  const { commit } = readVersion([], 0)
  if (existsSync(`${root}.git`) && git.status === 0) assert.ok(commit.length >= 12 && git.stdout.startsWith(commit))
  else assert.equal(commit, 'unknown')
  process.env['BIGLEARN_COMMIT'] = 'c0ffee'
  assert.equal(readVersion([], 0).commit, 'c0ffee')
})

test('the newest migration of this build was shown as what the database has', () => {
  const { schemaMin, schemaMax, schemaSeen } = readVersion([parseMigration('000019_x.sql', '-- kind: expand')], 21)
  assert.deepEqual({ schemaMin, schemaMax, schemaSeen }, { schemaMin: 19, schemaMax: 19, schemaSeen: 21 })
})
