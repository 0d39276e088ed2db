import type { Client } from '#client/client.ts'
import type { CallOptions } from '#client/transport.ts'
import { courseCreation, type DemoCourse, isoTime, rosterOf } from './enrolment.ts'
import type { Stage } from './progress.ts'
import type { Batch, CourseTimeline, World } from './timeline.ts'

/**
 * Sends a study through the client: each course in the order of its numbers, all courses at once. The client limits the
 * requests in flight and repeats what fails.
 */

/** create_course, both exclusion lists, roster, active dates: what a platform sends for a new course, in that order. */
export const courseOpeningEvents = 5

export async function openCourse(client: Client, world: World, course: DemoCourse, call: CallOptions): Promise<void> {
  const { naming, term, book } = world
  const updated_at = isoTime(term.startsAtMs)
  const numbered = (name: string, number: number) => ({
    request_uuid: naming(`${name}/${course.uuid}`),
    course_uuid: course.uuid,
    sequence_number: number,
    updated_at,
  })
  await client.createCourse(courseCreation(course, book.ecosystem, term), call)
  await client.updateGloballyExcludedExercises(
    { ...numbered('global exclusions', 1), exclusions: [{ exercise_uuid: book.excluded.byAdministrator }] },
    call,
  )
  await client.updateCourseExcludedExercises(
    { ...numbered('course exclusions', 2), exclusions: [{ exercise_group_uuid: book.excluded.groupByTeacher }] },
    call,
  )
  await client.updateRosters([rosterOf(course, naming, { term, number: 3 })], call)
  await client.updateCourseActiveDates(
    { ...numbered('active dates', 4), starts_at: isoTime(term.startsAtMs), ends_at: isoTime(term.endsAtMs) },
    call,
  )
}

export interface Sending {
  readonly client: Client
  readonly call: CallOptions
  readonly stage: Stage
}

export async function sendBatches(sending: Sending, batchesOfCourse: readonly Iterable<Batch>[]): Promise<void> {
  await Promise.all(
    batchesOfCourse.map(async (batches) => {
      for (const batch of batches) {
        if (batch.assignments.length > 0) await sending.client.createUpdateAssignments(batch.assignments, sending.call)
        await sending.client.recordResponses(batch.responses, sending.call)
        sending.stage.advance(batch.responses.length)
      }
    }),
  )
}

/** Whether the server has any held-out event already, from an earlier run: then they cannot be predicted any more. */
export async function isHeldOutKnown(
  client: Client,
  timelines: readonly CourseTimeline[],
  call: CallOptions,
): Promise<boolean> {
  const lines = timelines.map(({ course }) => ({ request_uuid: course.uuid, course_uuid: course.uuid }))
  const statuses = await client.fetchStreamStatuses(lines, call)
  return timelines.some(({ heldOutFrom }, index) => statuses[index]!.next_sequence_number > heldOutFrom)
}
