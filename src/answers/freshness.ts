import type { Uuid } from '#domain/ids.ts'
import { partOf } from '#domain/parts.ts'
import type { LearningReader } from '#learning/reader.ts'
import type { Freshness } from './open.ts'

/*
 * Read-your-writes (api.md §7): a read waits until the learning subscription has applied everything that was readable
 * in the log when the read began, as far as its subjects are concerned. The wait is bounded: while learning is behind
 * or down, reads answer from what is there, stale and not wrong.
 */
export interface FreshnessPorts {
  readonly reader: Pick<LearningReader, 'students' | 'assignments' | 'courseContainer'>
  /** Highest position of each lane in the log. Keys are `part/lane`. */
  laneHeads(): Promise<ReadonlyMap<string, bigint>>
  /** Position of each lane that learning has applied. */
  applied(): Promise<ReadonlyMap<string, bigint>>
  /** Resolves once learning has applied this position of a lane, or when the time is up. */
  untilApplied(lane: Lane, position: bigint, timeoutMs: number): Promise<unknown>
}

export interface Lane {
  readonly part: number
  readonly lane: number
}

export interface FreshnessOptions {
  readonly waitMsMax: number
}

export function openFreshness(ports: FreshnessPorts, options: FreshnessOptions): Freshness {
  return {
    untilFresh: async (subjects) => {
      const behind = await lanesBehind(ports)
      if (behind.size === 0) return
      const parts = await partsOf(ports.reader, subjects)
      const waits = [...behind].flatMap(([name, position]) => {
        const lane = parseLane(name)
        // A subject that nobody knows may be in any lane that is behind.
        const isAwaited = parts === undefined || parts.has(lane.part)
        return isAwaited ? [ports.untilApplied(lane, position, options.waitMsMax)] : []
      })
      await Promise.all(waits)
    },
  }
}

async function lanesBehind(ports: FreshnessPorts): Promise<Map<string, bigint>> {
  // Applied first: what is appended between the two reads counts as behind, never as applied.
  const applied = await ports.applied()
  const heads = await ports.laneHeads()
  return new Map([...heads].filter(([lane, head]) => head > (applied.get(lane) ?? 0n)))
}

function parseLane(name: string): Lane {
  const [part, lane] = name.split('/')
  return { part: Number(part), lane: Number(lane) }
}

/** Parts of the courses that the subjects belong to; `undefined` when one of them is not known (yet). */
async function partsOf(
  reader: FreshnessPorts['reader'],
  subjects: readonly Uuid[],
): Promise<ReadonlySet<number> | undefined> {
  const students = await reader.students(subjects)
  const others = subjects.filter((subject) => !students.has(subject))
  const assignments = others.length === 0 ? new Map() : await reader.assignments(others)
  const owners = await reader.students([...assignments.values()].map(({ student }) => student))
  const courses = [...students.values(), ...owners.values()].map(({ course }) => course)
  for (const subject of others) {
    if (assignments.has(subject)) continue
    const found = await reader.courseContainer(subject)
    if (found === undefined) return undefined
    courses.push(found.container.course)
  }
  return new Set(courses.map((course) => partOf('course', course)))
}
