import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/*
 * Stands between remote algorithms and the server: writes down what was handed out and what was answered, and can
 * swallow the next submission, as if its sender had died with the work in its hands.
 */
export interface Exchange {
  readonly endpoint: string
  readonly algorithm: string
  /** Of the work handed out, or of the results sent. */
  readonly calculations: readonly string[]
  /** `calculation_accepted`, `calculation_unknown`; empty for work handed out. */
  readonly statuses: readonly string[]
}

type Items = readonly Readonly<Record<string, unknown>>[]

export class RecordingProxy {
  readonly exchanges: Exchange[] = []
  readonly #target: string
  readonly #server: Server
  #swallow: ((calculations: readonly string[]) => void) | undefined

  constructor(target: string) {
    this.#target = target
    this.#server = createServer(async (request, response) => {
      const body = await textOf(request)
      const endpoint = (request.url ?? '').slice(1)
      const sent = JSON.parse(body) as object
      if (this.#swallow !== undefined && endpoint === 'update_clue_calculations') {
        // Never answered: the caller decides what becomes of the sender.
        this.#swallow(itemsOf(sent).map(calculationOf))
        this.#swallow = undefined
        return
      }
      const answer = await fetch(`${this.#target}/${endpoint}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
      const text = await answer.text()
      if (answer.ok) this.#record(endpoint, sent, JSON.parse(text) as object)
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(text)
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** The calculations of the next CLUEs that are sent; they do not arrive. */
  swallowNext(): Promise<readonly string[]> {
    return new Promise((done) => {
      this.#swallow = done
    })
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  #record(endpoint: string, sent: object, answered: object): void {
    const results = itemsOf(sent)
    const isFetch = endpoint.startsWith('fetch_')
    const algorithm = isFetch ? (sent as { algorithm_name: string }).algorithm_name : results[0]?.['algorithm_name']
    this.exchanges.push({
      ...{ endpoint, algorithm: String(algorithm) },
      calculations: (isFetch ? itemsOf(answered) : results).map(calculationOf),
      statuses: isFetch ? [] : itemsOf(answered).map((item) => String(item['calculation_status'])),
    })
  }
}

function itemsOf(body: object): Items {
  return (Object.values(body).find((value) => Array.isArray(value)) ?? []) as Items
}

const calculationOf = (item: Items[number]): string => String(item['calculation_uuid'])

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
