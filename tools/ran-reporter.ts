import { relative } from 'node:path'
import type { EventData } from 'node:test'
import { ranLine } from './streams-map.ts'

type Event = { readonly type: string; readonly data: Partial<EventData.TestPass> }

/** A reporter of `node --test`: one line for each test that ran and passed, for the check of docs/streams-tests.md. */
export default async function* ran(source: AsyncIterable<Event>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    const { file, name, skip, todo } = data
    if (type !== 'test:pass' || file === undefined || name === undefined) continue
    if (skip === undefined && todo === undefined) yield `${ranLine(relative(process.cwd(), file), name)}\n`
  }
}
