import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Command } from 'commander'
import { createProgram } from '#cli/program.ts'
import { ConfigurationError } from '#platform/config.ts'
import { freePort } from '#platform/embedded.ts'

/* Commands that look into the database at DATABASE_URL, while nothing answers there. */
const uuid = '11111111-1111-4111-8111-111111111111'

/** Each of them, with what it has to be told. */
const commands: Readonly<Record<string, string>> = {
  rebuild: '',
  receipt: uuid,
  shadow: '--algorithm local_query',
  'streams status': uuid,
  'streams blocked': '',
  'streams repair': `${uuid} --from 1 --to 2 --reason test`,
  'streams subscriptions': '',
  'streams pause': 'learning --reason test',
  'streams resume': 'learning --reason test',
  'streams parked': '',
  'streams retry': `learning ${uuid} --reason test`,
  'streams skip': `learning ${uuid} --number 1 --reason test`,
  'streams replay': 'learning --reason test',
  'streams delete': 'reports --reason test --yes',
  'streams lanes': '',
  'streams lane': `${uuid} auto --reason test`,
  'experiments create': 'autumn --unit course --kind pe --arm biglearn_sparfa --arm local_query',
  'experiments list': '',
  'experiments show': 'autumn',
  'experiments reweigh': 'autumn --arm biglearn_sparfa=1 --arm local_query=2',
  'experiments end': 'autumn',
  'experiments export': 'autumn',
}
/** Those that are started as programs in start-and-stop.test.ts, and those that need no database. */
const others = /^(start|serve|migrate|demo|sparfa .*)$/

const { DATABASE_URL: urlBefore } = process.env
before(async () => {
  process.env['DATABASE_URL'] = `postgres://nobody:secret-word@127.0.0.1:${await freePort()}/none`
})
after(() => {
  if (urlBefore === undefined) Reflect.deleteProperty(process.env, 'DATABASE_URL')
  else process.env['DATABASE_URL'] = urlBefore
})

function namesOf(program: Command): string[] {
  return program.commands.flatMap((command) =>
    command.commands.length === 0 ? [command.name()] : namesOf(command).map((name) => `${command.name()} ${name}`),
  )
}

/** In place of ending the process. */
function throwing(command: Command): Command {
  command.exitOverride().configureOutput({ writeErr: () => undefined })
  command.commands.forEach(throwing)
  return command
}

test('a command that looks into the database ended with a stack when it was away', async () => {
  const known = namesOf(createProgram()).filter((name) => !others.test(name))
  assert.deepEqual(Object.keys(commands).toSorted(), known.toSorted())
  const away = async ([name, words]: [string, string]) => {
    const given = `${name} ${words}`.trim().split(' ')
    await assert.rejects(throwing(createProgram()).parseAsync(given, { from: 'user' }), (error: unknown) => {
      assert.ok(error instanceof ConfigurationError, `${name}: ${error}`)
      assert.match(error.message, /can not be reached/)
      assert.match(error.nextStep, /check DATABASE_URL/)
      assert.doesNotMatch(error.message, /secret-word/)
      return true
    })
  }
  await Promise.all(Object.entries(commands).map(away))
})
