import type { Uuid } from '#domain/ids.ts'
import type { Answer } from '#domain/student.ts'

/** The latest of the answers to an exercise group that count; the shape that `Algorithm.know` takes, and its source. */
export interface CountedAnswer {
  readonly group: Uuid
  readonly isCorrect: boolean
  readonly answer: Answer
}

/**
 * One learner's counted answers, one to each exercise group. It never changes. What comes of more answers shares all
 * entries but theirs with it: a student who answers is read again a moment later, and a list of pointers is a sixth of
 * a map.
 */
export class CountedAnswers {
  /** Sorted by group, so that nothing of the order in which the student worked shows in what an algorithm sees. */
  readonly list: readonly CountedAnswer[]
  #byGroup: ReadonlyMap<Uuid, Answer> | undefined

  private constructor(list: readonly CountedAnswer[]) {
    this.list = list
  }

  /** In any order. */
  static of(answers: Iterable<CountedAnswer>): CountedAnswers {
    const latest = latestOf(answers)
    return new CountedAnswers([...latest.values()].sort((a, b) => (a.group < b.group ? -1 : 1)))
  }

  /** These and more, in any order. */
  and(more: readonly CountedAnswer[]): CountedAnswers {
    if (more.length === 0) return this
    const list = [...this.list]
    for (const one of latestOf(more).values()) {
      const place = placeOf(list, one.group)
      const known = list[place]?.group === one.group ? list[place] : undefined
      if (known === undefined || isLater(one.answer, known.answer)) list.splice(place, known === undefined ? 0 : 1, one)
    }
    return new CountedAnswers(list)
  }

  get size(): number {
    return this.list.length
  }

  /** Those who look up many groups pay for a map; picks do not need one. */
  get(group: Uuid): Answer | undefined {
    this.#byGroup ??= new Map(this.list.map((one) => [one.group, one.answer]))
    return this.#byGroup.get(group)
  }

  has(group: Uuid): boolean {
    return this.get(group) !== undefined
  }
}

function latestOf(answers: Iterable<CountedAnswer>): Map<Uuid, CountedAnswer> {
  const latest = new Map<Uuid, CountedAnswer>()
  for (const one of answers) {
    const known = latest.get(one.group)
    if (known === undefined || isLater(one.answer, known.answer)) latest.set(one.group, one)
  }
  return latest
}

/** Was `a` given after `b`? Answers of the same instant are told apart by their number in the course. */
function isLater(a: Answer, b: Answer): boolean {
  return a.respondedAt === b.respondedAt ? a.number > b.number : a.respondedAt > b.respondedAt
}

/** Of the first that is not before `group`, by halving. */
function placeOf(answers: readonly CountedAnswer[], group: Uuid): number {
  let [low, high] = [0, answers.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((answers[middle]?.group ?? '') < group) low = middle + 1
    else high = middle
  }
  return low
}
