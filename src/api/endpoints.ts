import type { Endpoint } from './endpoint.ts'
import { algorithmEndpoints } from './routes/algorithms.ts'
import { assignmentEndpoints } from './routes/assignments.ts'
import { clueEndpoints } from './routes/clues.ts'
import { courseEndpoints } from './routes/courses.ts'
import { ecosystemEndpoints } from './routes/ecosystems.ts'
import { eventEndpoints } from './routes/events.ts'
import { exclusionEndpoints } from './routes/exclusions.ts'
import { matrixEndpoints } from './routes/matrices.ts'
import { metadataEndpoints } from './routes/metadatas.ts'
import { pickEndpoints } from './routes/picks.ts'
import { preparationEndpoints } from './routes/preparations.ts'
import { responseEndpoints } from './routes/responses.ts'
import { rosterEndpoints } from './routes/rosters.ts'
import { streamEndpoints } from './routes/streams.ts'
import { subscriptionEndpoints } from './routes/subscriptions.ts'

/** Every endpoint that the original service had a part in: what clients of learning platforms call. */
export const wireEndpoints: readonly Endpoint[] = [
  ...ecosystemEndpoints,
  ...courseEndpoints,
  ...rosterEndpoints,
  ...preparationEndpoints,
  ...exclusionEndpoints,
  ...assignmentEndpoints,
  ...responseEndpoints,
  ...metadataEndpoints,
  ...eventEndpoints,
  ...streamEndpoints,
  ...clueEndpoints,
  ...pickEndpoints,
  ...algorithmEndpoints,
  ...matrixEndpoints,
]

/** Those, and what only other programs of the operator call. */
export const allEndpoints: readonly Endpoint[] = [...wireEndpoints, ...subscriptionEndpoints]
