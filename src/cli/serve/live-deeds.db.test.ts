import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OperatorDeed } from '#api/console/operator-deeds.ts'
import { registerSubscription } from '#crew/slots.ts'
import { courseOf, createCourseOf, uuidOf } from '#log/sample-events.ts'
import { useTestLog } from '#log/test-log.ts'
import { liveDeeds } from './live-deeds.ts'

const given = useTestLog()
const by = { actor: 'ada', reason: 'a test' }
const course = courseOf('deeds')
const ofCourse = { subscription: 'reader', kind: 'course', stream: course, ...by } as const

async function act(deed: OperatorDeed): Promise<string> {
  const outcome = await liveDeeds({ pool: given.pool, log: given.log }).act(deed)
  return outcome.kind === 'done' ? 'done' : outcome.why
}

test('deeds of the console are those of the command line: refused with words, audited when done', async () => {
  assert.match(
    await act({ deed: 'lane', kind: 'course', stream: course, policy: 'dedicated', ...by }),
    /nothing is known/,
  )
  await given.log.append([createCourseOf(course, uuidOf('ecosystem'))])
  const heads = () => given.log.laneHeads()
  const setup = { kinds: ['course'], startsAt: 'now' } as const
  await registerSubscription(given.pool, { name: 'reader', mode: 'remote', ...setup }, heads)
  await registerSubscription(given.pool, { name: 'learning', mode: 'embedded', ...setup }, heads)

  assert.match(await act({ deed: 'retry', ...ofCourse, subscription: 'nobody' }), /there is no subscription "nobody"/)
  assert.match(await act({ deed: 'retry', ...ofCourse }), /not set aside any more/)
  assert.match(await act({ deed: 'replay', ...ofCourse, subscription: 'learning', from: 0 }), /biglearn rebuild/)
  assert.match(await act({ deed: 'replay', ...ofCourse, from: 1 }), /nothing from 1 on/)
  assert.equal(await act({ deed: 'replay', ...ofCourse, from: 0 }), 'done')
  assert.match(await act({ deed: 'skip', ...ofCourse, number: 7 }), /does not stop at event 7/)
  assert.equal(await act({ deed: 'retry', ...ofCourse }), 'done')
  const audited = await given.pool.query('select action, actor, reason from subscription_audit order by at')
  assert.deepEqual(audited.rows, [
    { action: 'replay', ...by },
    { action: 'retry', ...by },
  ])

  assert.equal(await act({ deed: 'lane', kind: 'course', stream: course, policy: 'dedicated', ...by }), 'done')
  const slots = await given.pool.query('select from slot where lane = 1')
  assert.equal(slots.rowCount, 2, 'every subscription got its slot')
})
