import { checkedRecording } from './http-checking.ts'
import { eventReading } from './http-events.ts'
import { printLine } from './support/figures.ts'

/*
 * What HTTP itself costs: checking a body beside not checking it, on streams in memory; and reading events back through
 * one connection, on a durable database.
 */
export interface HttpOptions {
  readonly seconds: number
  readonly events: number
  readonly seed: number
}

export async function http(options: HttpOptions): Promise<void> {
  for (const measure of [checkedRecording, eventReading]) {
    printLine(await measure(options))
  }
}
