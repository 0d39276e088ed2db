import { statfsSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'
import { threadsMax } from '#due/block-threads.ts'
import { ConfigurationError } from '#platform/config.ts'
import { lagMsMaxDefault } from '#platform/readers.ts'
import { addressesOf } from '#platform/servers.ts'
import { storageCheckMsDefault } from '#platform/storage.ts'
import { integerFrom } from '../integer.ts'
import type { ReplicaSettings } from './replicas.ts'
import type { StorageSettings } from './storage.ts'

/** What a server process does. Any number of processes may hold the same role (design D34). */
export const allRoles = ['api', 'learning', 'due', 'trainer', 'console'] as const
export type Role = (typeof allRoles)[number]

export function parseRoles(text: string): ReadonlySet<Role> {
  const names = text.split(',').map((name) => name.trim())
  const roles = names.map((name) => allRoles.find((role) => role === name))
  const unknown = names.filter((_, index) => roles[index] === undefined)
  if (unknown.length > 0) {
    throw new InvalidArgumentError(`unknown role "${unknown.join(', ')}"; there are ${allRoles.join(', ')}.`)
  }
  const known = new Set(roles.filter((role) => role !== undefined))
  if (known.has('console') && !known.has('api')) {
    throw new InvalidArgumentError('the console is a part of the API: add api, or leave console out.')
  }
  return known
}

export const parsePort = integerFrom(0, 65_535)
export const parseThreads = integerFrom(1, threadsMax)

export function requireDatabaseUrl(environment: NodeJS.ProcessEnv): string {
  const url = environment['DATABASE_URL']
  if (url !== undefined && url !== '') return checkedUrl(url)
  throw new ConfigurationError(
    'DATABASE_URL is not set',
    'set it to a PostgreSQL 15 or newer, or use `npm start`, which brings its own database',
  )
}

export function checkedUrl(url: string, name = 'DATABASE_URL'): string {
  if (/^postgres(ql)?:\/\//.test(url) && addressesOf(url).every((address) => URL.canParse(address))) return url
  throw new ConfigurationError(`${name} is not a postgres:// address`, 'write postgres://USER:PASSWORD@HOST:PORT/NAME')
}

export function readReplicaSettings(environment: NodeJS.ProcessEnv): ReplicaSettings | undefined {
  const url = environment['DATABASE_READER_URL']
  if (url === undefined || url === '') return undefined
  const lagMsMax = readMilliseconds(environment, 'BIGLEARN_REPLICA_LAG_MS', lagMsMaxDefault)
  return { readerUrl: checkedUrl(url, 'DATABASE_READER_URL'), lagMsMax }
}

export function readStorageSettings(environment: NodeJS.ProcessEnv): StorageSettings {
  const folder = environment['BIGLEARN_STORAGE_FOLDER']
  return {
    folder: folder === undefined || folder === '' ? undefined : requireVolume(folder),
    checkMs: readWhole(environment, 'BIGLEARN_STORAGE_CHECK_MS', [100, 600_000]) ?? storageCheckMsDefault,
  }
}

/** Later a volume may be away for a while; one that is not there at the start is a typing error. */
function requireVolume(folder: string): string {
  try {
    statfsSync(folder)
    return folder
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new ConfigurationError(
      `BIGLEARN_STORAGE_FOLDER names ${folder}, whose volume can not be looked at (${reason})`,
      "name a folder on the database's volume, or leave it out where this machine does not have it",
    )
  }
}

export function readSwitch(environment: NodeJS.ProcessEnv, name: string): boolean {
  const text = environment[name] ?? ''
  if (['', '0', '1'].includes(text)) return text === '1'
  throw new ConfigurationError(`${name} is "${text}"`, 'set 0 or 1')
}

/** Milliseconds from the environment, such as BIGLEARN_LAME_DUCK_MS. */
export function readMilliseconds(environment: NodeJS.ProcessEnv, name: string, fallback: number): number {
  const text = environment[name]
  if (text === undefined || text === '') return fallback
  const value = Number(text)
  if (Number.isInteger(value) && value >= 0 && value <= 600_000) return value
  throw new ConfigurationError(`${name} is "${text}"`, 'set whole milliseconds from 0 to 600000')
}

/** A whole number from the environment, such as BIGLEARN_RECEIPT_DAYS; `undefined` when it is not set. */
export function readWhole(environment: NodeJS.ProcessEnv, name: string, [min, max]: [number, number]) {
  const text = environment[name]
  if (text === undefined || text === '') return undefined
  const value = Number(text)
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new ConfigurationError(`${name} is "${text}"`, `set a whole number from ${min} to ${max}`)
}

/** Algorithms that can answer in this process; any other name is one of a remote algorithm. */
export const algorithmNames = ['biglearn_sparfa', 'local_query'] as const
export type AlgorithmName = (typeof algorithmNames)[number]
export const algorithmsDefault: readonly [AlgorithmName] = ['biglearn_sparfa']

/** A comma list, the first one being shown to people; an empty list leaves everything to remote algorithms. */
export function parseAlgorithms(text: string): readonly AlgorithmName[] {
  const names = text.split(',').map((name) => name.trim().toLowerCase())
  const given = [...new Set(names.filter((name) => name !== ''))]
  return given.map((name) => {
    const known = algorithmNames.find((one) => one === name)
    if (known !== undefined) return known
    throw new InvalidArgumentError(`unknown algorithm ${name}; there are ${algorithmNames.join(', ')}.`)
  })
}
