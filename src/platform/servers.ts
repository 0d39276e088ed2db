import pg from 'pg'

/*
 * Which server a connection speaks to. A database address may name several hosts, of which one accepts writes; a server
 * says when a connection is made whether it is a standby, so that finding the primary costs no round trip. After a
 * failover the next connections try the hosts in turn until one of them accepts writes (operations.md OP-P5).
 */

/** One address per host of `postgres://USER:PASSWORD@ONE:5432,TWO:5433/NAME`. */
export function addressesOf(url: string): readonly string[] {
  const found = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/.exec(url)
  if (found === null) return [url]
  const [, head = '', hosts = '', tail = ''] = found
  return hosts.split(',').map((host) => `${head}${host}${tail}`)
}

/** As the server itself says it when somebody writes: cannot execute … in a read-only transaction. */
const readOnlyServer = '25006'

class StandbyError extends Error {
  readonly code = readOnlyServer
  constructor() {
    super('the server is a standby, which accepts no writes')
  }
}

/** Short enough to try another host while a request waits; without another one, a starved machine gets more time. */
const handshakeMsMax = { ofSeveralHosts: 2000, ofTheOnlyHost: 5000 }

class RoutedClient extends pg.Client {
  isStandby = false
  readonly #address: string
  readonly #route: Route

  constructor(config: pg.ClientConfig, route: Route, demoted: () => void) {
    const { ofSeveralHosts, ofTheOnlyHost } = handshakeMsMax
    super({ ...config, connectionTimeoutMillis: route.addresses.length > 1 ? ofSeveralHosts : ofTheOnlyHost })
    this.#address = route.current
    this.#route = route
    let isReady = false
    this.connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
      if (parameterName === 'in_hot_standby') this.isStandby = parameterValue === 'on'
    })
    this.connection.once('readyForQuery', () => {
      isReady = true
    })
    this.connection.once('end', () => {
      if (!isReady) this.leave()
    })
    this.connection.on('errorMessage', ({ code }) => {
      if (code !== readOnlyServer) return
      this.leave()
      demoted()
    })
  }

  /** The next connection of any pool goes to another host. */
  leave(): void {
    this.#route.leave(this.#address)
  }
}

/** The addresses of one database, and the one that accepted writes last, which all pools of a process share. */
class Route {
  readonly addresses: readonly string[]
  #current = 0

  constructor(url: string) {
    this.addresses = addressesOf(url)
  }

  get current(): string {
    return this.addresses[this.#current] ?? ''
  }

  /** Several connections may fail at once: only the first moves on. */
  leave(address: string): void {
    if (address === this.current) this.#current = (this.#current + 1) % this.addresses.length
  }
}

const routes = new Map<string, Route>()

function routeOf(url: string): Route {
  const known = routes.get(url) ?? new Route(url)
  routes.set(url, known)
  return known
}

/**
 * A pool whose connections all speak to the server that accepts writes. A standby is refused like a server that is not
 * there; when a server stops being the primary all its connections are given up, not only the one that noticed.
 */
export function openWriterPool(url: string, config: pg.PoolConfig): pg.Pool {
  const route = routeOf(url)
  const clients = new Set<RoutedClient>()
  const giveUpAll = (): void => {
    for (const client of clients) client.connection.stream.destroy()
  }
  class WriterClient extends RoutedClient {
    constructor(given?: pg.ClientConfig) {
      super({ ...given, connectionString: route.current }, route, giveUpAll)
      clients.add(this)
      this.connection.once('end', () => clients.delete(this))
    }
  }
  return new pg.Pool({
    ...config,
    Client: WriterClient,
    verify: (client, done) => {
      if (!(client instanceof RoutedClient) || !client.isStandby) return done()
      client.leave()
      return done(new StandbyError())
    },
  })
}

/** A pool of connections to any server, each new one to the next host. */
export function openReaderPool(url: string, config: pg.PoolConfig): pg.Pool {
  const route = new Route(url)
  class ReaderClient extends RoutedClient {
    constructor(given?: pg.ClientConfig) {
      super({ ...given, connectionString: route.current }, route, () => undefined)
      this.leave()
    }
  }
  return new pg.Pool({ ...config, Client: ReaderClient })
}

/** One connection to the server that accepts writes; the caller ends it. */
export async function connectWriter(url: string, config: pg.ClientConfig): Promise<pg.Client> {
  const route = routeOf(url)
  let failure: unknown
  for (let attempt = 0; attempt < route.addresses.length; attempt += 1) {
    const client = new RoutedClient({ ...config, connectionString: route.current }, route, () => undefined)
    client.on('error', () => undefined)
    try {
      await client.connect()
      if (!client.isStandby) return client
      failure ??= new StandbyError()
      await client.end()
    } catch (error) {
      failure ??= error
    }
    client.leave()
  }
  throw failure
}
