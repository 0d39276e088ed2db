import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toUuid, type Uuid } from '#domain/ids.ts'
import { systemTime } from '#platform/time.ts'
import { CircuitBreaker } from './breaker.ts'
import type { CatchUpContext } from './catch-up.ts'
import type { DueException, ExceptionState } from './exceptions.ts'
import { allGuards } from './guards.ts'
import { slotName } from './ownership.ts'
import { SetAsideWork } from './set-aside-work.ts'
import type { SlotGrant } from './slots.ts'
import type { CrewTransaction } from './store.ts'
import { newStream, TestLanes } from './test-lanes.ts'

const grant: SlotGrant = {
  ...{ part: 0, lane: 0, epoch: 1n, position: 9n, shares: 1 },
  token: toUuid('30000000-0000-4000-8000-000000000002'),
}

function aside(stream: Uuid, state: ExceptionState = 'retry'): DueException {
  const numbers = { nextNumber: 0, untilNumber: 1, attempts: 1, afterPosition: 0n }
  const nothing = { afterLanes: [], owedFrom: undefined, isHandedOver: false, awaited: undefined }
  return { part: 0, lane: 0, stream, state, ...numbers, ...nothing }
}

/** The work on these streams, on a store that keeps nothing and a clock that stands; `tried` is what was applied. */
function workOn(exceptions: readonly DueException[]) {
  const lanes = new TestLanes(1)
  for (const { stream } of exceptions) lanes.add(stream)
  const switches = { isDown: false, nowMs: 0 }
  const tried: Uuid[] = []
  const transaction = {
    lockSlots: async () => new Map([[slotName(grant), { position: grant.position, exceptions: exceptions.length }]]),
    findExceptions: async (streams: readonly { readonly stream: Uuid }[]) =>
      exceptions.filter((one) => streams.some(({ stream }) => stream === one.stream)),
    apply: async ([entry]: Parameters<CrewTransaction['apply']>[0]) => {
      tried.push(...(entry?.events ?? []).map(({ stream }) => stream))
      if (switches.isDown) throw new Error('the dependency is down')
    },
    moveException: async () => undefined,
    endException: async () => undefined,
  } as unknown as CrewTransaction
  const connection: Partial<CatchUpContext['connection']> = {
    skips: async () => new Map(),
    dueExceptions: async (_slots, states) => exceptions.filter(({ state }) => states.includes(state)),
    transaction: (work) => work(transaction),
  }
  const breaker = new CircuitBreaker()
  const time = { ...systemTime, monotonicMs: () => switches.nowMs }
  const mute = { applied: () => undefined, report: () => undefined }
  const work = new SetAsideWork({ ...mute, time, breaker, mayGoOn: () => true, wasCutOff: () => false })
  const context = { connection, source: lanes, parts: 1, guards: allGuards } as unknown as CatchUpContext
  return { switches, tried, breaker, turn: () => work.work(context, [grant], switches.nowMs) }
}

test('while the breaker probes, one failed step opens it again, and the others are not tried', async () => {
  const { switches, tried, breaker, turn } = workOn([aside(newStream()), aside(newStream())])
  breaker.open(0)
  switches.isDown = true
  switches.nowMs = breaker.openUntilMs() ?? 0
  assert.equal(breaker.state(switches.nowMs), 'probing')
  await turn()
  assert.equal(tried.length, 1)
  assert.equal(breaker.state(switches.nowMs), 'open')
})

test('while the breaker probes, one step that takes effect closes it, and the others follow', async () => {
  const { switches, tried, breaker, turn } = workOn([aside(newStream()), aside(newStream())])
  breaker.open(0)
  switches.nowMs = breaker.openUntilMs() ?? 0
  await turn()
  assert.equal(tried.length, 2)
  assert.equal(breaker.state(switches.nowMs), 'closed')
})
