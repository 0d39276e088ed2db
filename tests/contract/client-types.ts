import type { Static, TSchema } from 'typebox'
import type { assignment } from '#api/schemas/assignments.ts'
import type { updateStudentCluesRequest, updateTeacherCluesRequest } from '#api/schemas/clues.ts'
import type { createCourseRequest, updateCourseActiveDatesRequest } from '#api/schemas/courses.ts'
import type { createEcosystemRequest } from '#api/schemas/ecosystems.ts'
import type { updateExclusionsRequest } from '#api/schemas/exclusions.ts'
import type { updateAssignmentPesRequest, updateWorstAreasRequest } from '#api/schemas/picks.ts'
import type { prepareCourseEcosystemRequest, updateCourseEcosystemsRequest } from '#api/schemas/preparations.ts'
import type { recordResponsesRequest } from '#api/schemas/responses.ts'
import type { updateRostersRequest } from '#api/schemas/rosters.ts'
import type { fetchStreamStatusesRequest, recordNoOpsRequest } from '#api/schemas/streams.ts'
import type {
  confirmSubscriptionRequest,
  createSubscriptionRequest,
  extendSubscriptionRequest,
  fetchSubscriptionRequest,
  fetchSubscriptionResponse,
  nackSubscriptionRequest,
} from '#api/schemas/subscriptions.ts'
import type * as wire from '#client/wire.ts'
import type * as reads from '#client/wire-reads.ts'
import type * as subscriptions from '#client/wire-subscriptions.ts'

/*
 * What the client's types allow, the server's schemas must accept. Checked by the compiler: a field that is renamed,
 * retyped or made required on one side only does not compile here.
 */
type DeepReadonly<Value> = Value extends readonly (infer Item)[]
  ? readonly DeepReadonly<Item>[]
  : Value extends object
    ? { readonly [Key in keyof Value]: DeepReadonly<Value[Key]> }
    : Value
type Body<Schema extends TSchema> = DeepReadonly<Static<Schema>>
type Item<Schema extends TSchema, Key extends keyof Body<Schema>> = Body<Schema>[Key] extends readonly (infer Item)[]
  ? Item
  : never

type Accepted<Sent extends Taken, Taken> = [Sent, Taken]

export type AllAccepted = [
  Accepted<wire.EcosystemCreation, Body<typeof createEcosystemRequest>>,
  Accepted<wire.CourseCreation, Body<typeof createCourseRequest>>,
  Accepted<wire.ActiveDatesUpdate, Body<typeof updateCourseActiveDatesRequest>>,
  Accepted<wire.ExclusionsUpdate, Body<typeof updateExclusionsRequest>>,
  Accepted<wire.EcosystemPreparation, Body<typeof prepareCourseEcosystemRequest>>,
  Accepted<wire.AssignmentUpdate, Body<typeof assignment>>,
  Accepted<wire.Roster, Item<typeof updateRostersRequest, 'rosters'>>,
  Accepted<wire.EcosystemUpdate, Item<typeof updateCourseEcosystemsRequest, 'update_requests'>>,
  Accepted<wire.ResponseRecord, Item<typeof recordResponsesRequest, 'responses'>>,
  Accepted<wire.NoOp, Item<typeof recordNoOpsRequest, 'no_ops'>>,
  Accepted<reads.StreamStatusLine, Item<typeof fetchStreamStatusesRequest, 'stream_requests'>>,
  Accepted<reads.StudentClueUpdate, Item<typeof updateStudentCluesRequest, 'student_clue_updates'>>,
  Accepted<reads.TeacherClueUpdate, Item<typeof updateTeacherCluesRequest, 'teacher_clue_updates'>>,
  Accepted<reads.AssignmentPicksUpdate, Item<typeof updateAssignmentPesRequest, 'pe_updates'>>,
  // The names of types are checked at run time only.
  Accepted<
    Omit<subscriptions.SubscriptionSettings, 'event_types'>,
    Omit<Body<typeof createSubscriptionRequest>, 'event_types'>
  >,
  Accepted<subscriptions.SubscriptionFetch, Body<typeof fetchSubscriptionRequest>>,
  Accepted<subscriptions.SubscriptionConfirm, Body<typeof confirmSubscriptionRequest>>,
  Accepted<subscriptions.SubscriptionNack, Body<typeof nackSubscriptionRequest>>,
  Accepted<subscriptions.InstanceLease, Body<typeof extendSubscriptionRequest>>,
  // The other way round: what the server answers, the client understands.
  Accepted<Body<typeof fetchSubscriptionResponse>['slots'], subscriptions.SubscriptionFetched['slots']>,
  Accepted<reads.StudentPicksUpdate, Item<typeof updateWorstAreasRequest, 'practice_worst_areas_updates'>>,
]
