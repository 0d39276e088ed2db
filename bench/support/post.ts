import assert from 'node:assert/strict'

export type Post = <Answer = unknown>(path: string, body: unknown) => Promise<Answer>

/** Calls the product on this port; anything but 200 fails the benchmark. */
export function poster(port: number): Post {
  return async <Answer>(path: string, body: unknown): Promise<Answer> => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    if (answer.status !== 200) assert.fail(`${path} answered ${answer.status}: ${await answer.text()}`)
    return (await answer.json()) as Answer
  }
}
