import { courseEventCodes, type EventType, ecosystemEventCodes, type StreamKind } from '#domain/events.ts'

/** Types of events as numbers: in bodies, and as bits in the column `types` of a segment. */
export function eventCode(type: EventType): number {
  if (type === 'create_ecosystem') return ecosystemEventCodes.create_ecosystem
  return courseEventCodes[type]
}

const courseTypes = typesByCode(courseEventCodes)
const ecosystemTypes = typesByCode(ecosystemEventCodes)

export function eventType(kind: StreamKind, code: number): EventType {
  const type = (kind === 'course' ? courseTypes : ecosystemTypes).get(code)
  if (type === undefined) throw new Error(`a ${kind} stream holds an event of unknown code ${code}`)
  return type
}

function typesByCode<Type extends EventType>(codes: Readonly<Record<Type, number>>): ReadonlyMap<number, Type> {
  return new Map((Object.keys(codes) as Type[]).map((type) => [codes[type], type]))
}

/** Column `types` of a segment: bit (code + 1) of each type asked for; all bits when nothing is asked for. */
export function typesMask(types: ReadonlySet<EventType> | undefined): number {
  if (types === undefined) return 0x7fff
  let mask = 0
  for (const type of types) mask |= 1 << (eventCode(type) + 1)
  return mask
}
