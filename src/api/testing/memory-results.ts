import type { Uuid } from '#domain/ids.ts'
import type {
  ClueKey,
  ClueKind,
  ClueResult,
  CourseEcosystemUpdate,
  CoursePreparation,
  PickKey,
  PickKind,
  PickResult,
  PreparationKey,
  Results,
} from '#due/results.ts'

/** Uploaded results in maps: the model of `due/results.ts` for tests without a database. */
export function createMemoryResults(): Results {
  const picks = new Map<string, PickResult>()
  const clues = new Map<string, ClueResult>()
  const preparations = new Map<string, CoursePreparation>()
  const updates = new Map<string, CourseEcosystemUpdate>()
  const ready = new Set<Uuid>()
  const pickKey = (kind: PickKind, key: PickKey): string => `${kind}/${key.subject}/${key.algorithm.toLowerCase()}`
  const clueKey = (kind: ClueKind, key: ClueKey): string =>
    `${kind}/${key.subject}/${key.bookContainer}/${key.algorithm.toLowerCase()}`
  const preparationKey = (key: PreparationKey): string => `${key.course}/${key.preparation}`
  const newest = <Line extends CourseEcosystemUpdate>(lines: Iterable<Line>, course: Uuid): Line | undefined =>
    [...lines].filter((line) => line.course === course).reduce<Line | undefined>(higher, undefined)

  return {
    putPicks: async (kind, lines) => lines.forEach((line) => void picks.set(pickKey(kind, line), line)),
    readPicks: async (kind, keys) => keys.map((key) => picks.get(pickKey(kind, key))),
    readAllPicks: async (kind, subjects) =>
      new Map(
        subjects.flatMap((subject) => {
          const found = [...picks].filter(([key, line]) => key.startsWith(`${kind}/`) && line.subject === subject)
          return found.length === 0 ? [] : [[subject, found.map(([, line]) => line)]]
        }),
      ),
    putClues: async (kind, lines) => lines.forEach((line) => void clues.set(clueKey(kind, line), line)),
    readClues: async (kind, keys) => keys.map((key) => clues.get(clueKey(kind, key))),
    putPreparation: async (preparation) => {
      const key = preparationKey(preparation)
      if (!preparations.has(key)) preparations.set(key, preparation)
    },
    putEcosystemUpdates: async (lines) =>
      lines.forEach((line) => void updates.set(`${line.course}/${line.number}`, line)),
    readPreparations: async (keys) => keys.map((key) => preparations.get(preparationKey(key))),
    readNewest: async (courses) =>
      courses.map((course) => {
        const update = newest(updates.values(), course)
        const named = update === undefined ? undefined : preparations.get(preparationKey(update))
        return {
          course,
          prepared: newest(preparations.values(), course),
          updated: update === undefined || named === undefined ? undefined : { ...named, number: update.number },
        }
      }),
    markReady: async (uuids) => uuids.forEach((uuid) => void ready.add(uuid)),
    readReady: async (uuids) => new Set(uuids.filter((uuid) => ready.has(uuid))),
  }
}

function higher<Line extends CourseEcosystemUpdate>(best: Line | undefined, line: Line): Line {
  return best === undefined || line.number > best.number ? line : best
}
