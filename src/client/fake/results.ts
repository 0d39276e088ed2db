import type { Data } from './streams.ts'

/**
 * Results as the fake server knows them: what was uploaded, and who was announced. It computes nothing, so a test says
 * itself which CLUEs and picks there are.
 */
export class FakeResults {
  readonly #rows = new Map<string, Data>()
  readonly #ecosystemOfContainer = new Map<string, string>()
  readonly #known = { assignment: new Set<string>(), student: new Set<string>(), course_container: new Set<string>() }

  announce(subject: 'assignment' | 'student' | 'course_container', uuid: unknown): void {
    this.#known[subject].add(lower(uuid))
  }
  /** First writer keeps a container. */
  announceBookContainer(container: unknown, ecosystem: unknown): void {
    const key = lower(container)
    if (!this.#ecosystemOfContainer.has(key)) this.#ecosystemOfContainer.set(key, String(ecosystem))
  }

  updatePicks(kind: string, subject: 'assignment' | 'student', item: Data): Data {
    this.#rows.set(keyOf(kind, item[`${subject}_uuid`], item['algorithm_name']), item)
    return { request_uuid: item['request_uuid'], update_status: 'accepted' }
  }

  fetchPicks(kind: string, subject: 'assignment' | 'student', item: Data): Data {
    const uuid = item[`${subject}_uuid`]
    const row = this.#rows.get(keyOf(kind, uuid, item['algorithm_name']))
    const { request_uuid } = item
    const named = { request_uuid, [`${subject}_uuid`]: uuid }
    if (row === undefined) {
      const status = this.#known[subject].has(lower(uuid)) ? 'unready' : 'unknown'
      const nothing = { calculation_uuid: null, ecosystem_matrix_uuid: null, exercise_uuids: [], spy_info: {} }
      return { ...named, ...nothing, [`${subject}_status`]: `${subject}_${status}` }
    }
    const distinct = [...new Set(row['exercise_uuids'] as string[])]
    const max = item['max_num_exercises']
    return {
      ...named,
      calculation_uuid: row['calculation_uuid'],
      ecosystem_matrix_uuid: row['ecosystem_matrix_uuid'],
      exercise_uuids: typeof max === 'number' ? distinct.slice(0, max) : distinct,
      spy_info: row['spy_info'] ?? {},
      [`${subject}_status`]: `${subject}_ready`,
    }
  }

  updateClue(subject: 'student' | 'course_container', item: Data): Data {
    this.#rows.set(clueKey(subject, item), item)
    return { request_uuid: item['request_uuid'], update_status: 'accepted' }
  }

  /** First match wins: ready, container unknown, subject unknown, unready. */
  fetchClue(subject: 'student' | 'course_container', item: Data): Data {
    const { request_uuid } = item
    const row = this.#rows.get(clueKey(subject, item))
    if (row !== undefined) {
      const { calculation_uuid, clue_data } = row
      return { request_uuid, calculation_uuid, clue_data, clue_status: 'clue_ready' }
    }
    const nothing = { minimum: 0, most_likely: 0.5, maximum: 1, is_real: false }
    const ecosystem_uuid = this.#ecosystemOfContainer.get(lower(item['book_container_uuid']))
    if (ecosystem_uuid === undefined) {
      return { request_uuid, calculation_uuid: null, clue_data: nothing, clue_status: 'book_container_unknown' }
    }
    const isKnown = this.#known[subject].has(lower(item[`${subject}_uuid`]))
    const clue_status = isKnown ? 'clue_unready' : `${subject}_unknown`
    return { request_uuid, calculation_uuid: null, clue_data: { ...nothing, ecosystem_uuid }, clue_status }
  }
}

function clueKey(subject: string, item: Data): string {
  const container = lower(item['book_container_uuid'])
  return keyOf(`clue/${subject}/${container}`, item[`${subject}_uuid`], item['algorithm_name'])
}

/** Algorithm names compare without case. */
function keyOf(kind: string, subject: unknown, algorithm: unknown): string {
  return `${kind}/${lower(subject)}/${lower(algorithm)}`
}

export function lower(value: unknown): string {
  return String(value).toLowerCase()
}
