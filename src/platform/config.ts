import { readFileSync } from 'node:fs'

/** Configuration that can not work: the program says what is wrong and what to do next, and exits 78 (OP-P3). */
export class ConfigurationError extends Error {
  readonly nextStep: string
  constructor(message: string, nextStep: string) {
    super(message)
    this.name = 'ConfigurationError'
    this.nextStep = nextStep
  }
}

export const exitConfiguration = 78

/** Secrets by audience (design D33); an empty list means open, which is allowed on loopback only. */
export interface Tokens {
  readonly api: readonly string[]
  readonly scheduler: readonly string[]
  readonly sparfa: readonly string[]
  readonly operator: readonly string[]
}

type Environment = Readonly<Record<string, string | undefined>>

export function readTokens(environment: Environment): Tokens {
  const list = (name: string): readonly string[] => readSecrets(environment, name)
  return {
    api: list('BIGLEARN_API_TOKEN'),
    scheduler: list('BIGLEARN_SCHEDULER_TOKEN'),
    sparfa: list('BIGLEARN_SPARFA_TOKEN'),
    operator: list('BIGLEARN_OPERATOR_TOKEN'),
  }
}

/** `NAME` or the content of the file named by `NAME_FILE`: a comma list, so that a token can be rotated. */
function readSecrets(environment: Environment, name: string): readonly string[] {
  const file = environment[`${name}_FILE`] ?? ''
  const text = file === '' ? (environment[name] ?? '') : readSecretFile(name, file)
  const secrets = text.split(',').map((secret) => secret.trim())
  const given = secrets.filter((secret) => secret !== '')
  // Open is who says nothing, not who wants a secret and lost it on the way.
  if (given.length === 0 && (file !== '' || text !== '')) {
    const place = file === '' ? name : `${name}_FILE names ${file}, which`
    throw new ConfigurationError(`${place} holds no token`, `put one there, or unset it to leave that audience open`)
  }
  return given
}

function readSecretFile(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable'
    throw new ConfigurationError(`${name}_FILE names ${file}, which can not be read (${reason})`, 'correct the path')
  }
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** Open audiences are refused anywhere but on loopback; there they are worth one warning. */
export function requireTokens(tokens: Tokens, host: string): readonly string[] {
  const open = Object.entries(tokens).flatMap(([audience, secrets]) => (secrets.length === 0 ? [audience] : []))
  if (open.length > 0 && !isLoopback(host)) {
    const names = open.map((audience) => `BIGLEARN_${audience.toUpperCase()}_TOKEN`)
    throw new ConfigurationError(`listening on ${host} needs ${names.join(', ')}`, 'set them, or listen on 127.0.0.1')
  }
  return open
}
