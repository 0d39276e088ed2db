import type { DeedOutcome, OperatorDeed, OperatorDeeds } from '#api/console/operator-deeds.ts'
import { replayStream, retryStream, skipEvent } from '#crew/control.ts'
import { decideLane } from '#crew/lanes.ts'
import { listSubscriptions } from '#crew/subscriptions.ts'
import { toUuid } from '#domain/ids.ts'
import { ConfigurationError } from '#platform/config.ts'
import type { Services } from './services.ts'

/** The console's deeds on the running services: the same as those of `biglearn streams`. */
export function liveDeeds({ pool, log }: Pick<Services, 'pool' | 'log'>): OperatorDeeds {
  return {
    async act(deed) {
      const stream = toUuid(deed.stream.toLowerCase())
      const [status] = await log.statuses([{ kind: deed.kind, stream }], 0)
      if (status?.isKnown !== true) return refused(`nothing is known of ${deed.kind} ${stream}`)
      if (deed.deed !== 'lane') return actOnSubscription({ pool, log }, { ...deed, stream })
      try {
        await decideLane({ pool, source: log }, { ...deed, stream }, deed)
        return { kind: 'done' }
      } catch (error) {
        if (error instanceof ConfigurationError) return refused(error.message)
        throw error
      }
    },
  }
}

type SubscriptionDeed = Exclude<OperatorDeed, { readonly deed: 'lane' }>

async function actOnSubscription(
  { pool, log }: Pick<Services, 'pool' | 'log'>,
  deed: SubscriptionDeed,
): Promise<DeedOutcome> {
  const { subscription, actor, reason, kind, stream } = deed
  const known = (await listSubscriptions(pool)).find(({ name }) => name === subscription)
  if (known === undefined) return refused(`there is no subscription "${subscription}"`)
  const by = { subscription, actor, reason }
  if (deed.deed === 'retry') {
    return (await retryStream(pool, by, { kind, stream })) ? done : refused('it is not set aside any more')
  }
  if (deed.deed === 'skip') {
    const isDone = await skipEvent(pool, by, { kind, stream }, deed.number)
    return isDone ? done : refused(`it does not stop at event ${deed.number} any more`)
  }
  if (known.mode === 'embedded') {
    return refused('effects of the server can not be made twice; fold its read models again: biglearn rebuild')
  }
  const isDone = await replayStream(pool, log, by, { kind, stream }, deed.from)
  return isDone ? done : refused(`it is set aside already, or has nothing from ${deed.from} on`)
}

const done: DeedOutcome = { kind: 'done' }

function refused(why: string): DeedOutcome {
  return { kind: 'refused', why }
}
