import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { partOf } from '#domain/parts.ts'
import { systemTime } from '#platform/time.ts'
import { Appender, appendLimits } from './append.ts'
import type { Plan } from './plan.ts'
import { courseOf, responseOf } from './sample-events.ts'
import type { LogStore, LogWriter } from './store.ts'

const bare = {
  time: systemTime,
  partOf,
  window: { events: 100, bytes: 1e6, foldRuns: 10 },
  limits: { ...appendLimits, oldestWaiterMs: 600_000 },
  committed: () => undefined,
}

function appenderOn(statements: Partial<LogWriter>): Appender {
  const writer = { release: () => undefined, ...statements } as LogWriter
  return new Appender({ ...bare, store: { openWriter: async () => writer } as unknown as LogStore })
}

/* Which requests are written together, on a writer that keeps each group waiting until the test lets it go. */
function appenderOnHold() {
  const groups: { readonly plan: Plan; readonly letGo: () => void }[] = []
  const append: LogWriter['append'] = (plan) => {
    const { promise, resolve } = Promise.withResolvers<{ kind: 'stored' }>()
    groups.push({ plan, letGo: () => resolve({ kind: 'stored' }) })
    return promise
  }
  const appender = appenderOn({ append })
  return {
    appender,
    /** The plan of the next group, once it is being written. */
    group: async (index: number): Promise<Plan> => {
      // Nothing here waits for anything outside, so a group that has not come after so many turns never comes.
      for (let turns = 0; turns < 10_000 && groups[index] === undefined; turns += 1) await turn()
      const made = groups[index]
      assert.ok(made !== undefined, `group ${index} is never written`)
      return made.plan
    },
    letGo: (index: number) => groups[index]?.letGo(),
  }
}

test('requests that came during a small group are written in two, so that one is read meanwhile', async () => {
  const { appender, group, letGo } = appenderOnHold()
  const answers = [appender.append([responseOf(courseOf('first'), 0)])]
  await group(0)
  for (let index = 0; index < 19; index += 1) answers.push(appender.append([responseOf(courseOf(`${index}`), 0)]))
  const sizes: number[] = []
  for (let index = 0; index < 3; index += 1) {
    sizes.push((await group(index)).streams.length)
    letGo(index)
  }
  await Promise.all(answers)
  assert.deepEqual(sizes, [1, 10, 9])
})

test('a request with numbers behind a hole goes with the one that closes it, when that comes in time', async () => {
  const { appender, group, letGo } = appenderOnHold()
  const course = courseOf('window')
  const numbers = (...of: number[]) => of.map((number) => responseOf(course, number))
  const answers = [appender.append([responseOf(courseOf('first'), 0)])]
  await group(0)
  answers.push(appender.append(numbers(3, 1)), appender.append([responseOf(courseOf('second'), 0)]))
  letGo(0)
  assert.deepEqual(
    (await group(1)).streams.map(({ stream }) => stream),
    [courseOf('second')],
  )
  answers.push(appender.append(numbers(0, 2)))
  letGo(1)
  const { runs, hasHole } = await group(2)
  assert.deepEqual(
    runs.map(({ next, events }) => [next, events]),
    [[4, 4]],
  )
  assert.equal(hasHole, false)
  letGo(2)
  for (const { kind } of await Promise.all(answers)) assert.equal(kind, 'stored')
})

test('a request whose hole stays open is written all the same', async () => {
  const { appender, group, letGo } = appenderOnHold()
  const early = appender.append([responseOf(courseOf('open'), 3), responseOf(courseOf('open'), 1)])
  assert.equal((await group(0)).hasHole, true)
  letGo(0)
  assert.equal((await early).kind, 'stored')
})

test('an overlap of which the store can not say with what is an error of that request, not a loop for all', async () => {
  const [broken, other] = [courseOf('broken'), courseOf('other')]
  let rollbacks = 0
  const append: LogWriter['append'] = async ({ streams }) => {
    if (!streams.some(({ stream }) => stream === broken)) return { kind: 'stored' }
    rollbacks += 1
    assert.ok(rollbacks < 100, 'it goes on for ever')
    return { kind: 'overlap' }
  }
  const appender = appenderOn({ append, overlaps: async () => new Map() })
  const [bad, good] = await Promise.allSettled([
    appender.append([responseOf(broken, 0)]),
    appender.append([responseOf(other, 0)]),
  ])
  assert.match(bad.status === 'rejected' ? String(bad.reason) : bad.status, /stored already/)
  assert.deepEqual(good, { status: 'fulfilled', value: { kind: 'stored', outcomes: ['recorded'] } })
})

test('a refusal stands when its events can not be kept, and somebody is told', async () => {
  const lost: unknown[] = []
  const appender = new Appender({
    ...bare,
    store: { keepRejected: () => Promise.reject(new Error('no room')) } as unknown as LogStore,
    notKept: (error) => lost.push(error),
  })
  const course = courseOf('refused')
  const result = await appender.append([responseOf(course, 0), responseOf(course, 0, 'rival')])
  assert.equal(result.kind, 'refused')
  assert.deepEqual(lost.map(String), ['Error: no room'])
})
