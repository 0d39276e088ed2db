import { setTimeout as sleep } from 'node:timers/promises'
import type { Classroom, ClassroomStudent } from '../../tests/support/classroom.ts'
import { type Post, poster } from './post.ts'
import { startProduct } from './product.ts'

/*
 * Sends a classroom with all its answers to the product, and waits until everything is learnt and fitted. The trainer
 * comes last, so that there is one fit of all answers and none a minute later.
 */
/** Leaves a class with `count` answers of each student, learnt and fitted, in the database. */
export async function sendClass(url: string, classroom: Classroom, count: number): Promise<void> {
  process.stderr.write(`picks: sending a book, ${classroom.students.length} students and their answers\n`)
  const first = await startProduct(url, 'api,learning,due')
  try {
    const post = poster(first.port)
    await classroom.create(post)
    await sendAnswers(post, classroom, count)
    await sleep(3000)
  } finally {
    await first.stop()
  }
  process.stderr.write('picks: waiting for the fit\n')
  const second = await startProduct(url, roles)
  try {
    await untilLearnt(second.port, classroom)
  } finally {
    await second.stop()
  }
}

export const roles = 'api,learning,due,trainer'

/** `count` answers of each student, page after page. */
async function sendAnswers(post: Post, classroom: Classroom, count: number): Promise<void> {
  for (const course of classroom.courses()) {
    const students = classroom.students.filter((student) => student.course === course)
    const responses = students.flatMap((student) => answersOf(classroom, student, count))
    for (let from = 0; from < responses.length; from += 1000) {
      await post('/record_responses', { responses: responses.slice(from, from + 1000) })
    }
  }
}

function answersOf(classroom: Classroom, student: ClassroomStudent, count: number) {
  return Array.from({ length: count }, (_, number) => {
    const page = number % classroom.pages.length
    const exercise = Math.floor(number / classroom.pages.length)
    const isCorrect = (student.index * 7 + page * 5 + exercise * 3) % 10 < 6
    return classroom.response(student, page, exercise, isCorrect)
  })
}

interface Status {
  readonly ecosystems: readonly { readonly fit_due: boolean; readonly fit_running: boolean }[]
}
interface ClueLines {
  readonly student_clue_responses: readonly { readonly clue_status: string }[]
}

/** No fit is due or under way, and the last student is known, so that the figures are of one matrix. */
async function untilLearnt(port: number, classroom: Classroom): Promise<void> {
  const deadline = performance.now() + 600_000
  const student = classroom.students.at(-1)?.student
  const post = poster(port)
  while (performance.now() < deadline) {
    const status = await fetch(`http://127.0.0.1:${port}/status`)
    const { ecosystems } = (await status.json()) as Status
    const { student_clue_responses: clues } = await post<ClueLines>('/fetch_student_clues', {
      student_clue_requests: classroom.pages.map((page) => ({
        request_uuid: page,
        student_uuid: student,
        book_container_uuid: page,
        algorithm_name: 'biglearn_sparfa',
      })),
    })
    const isKnown = clues.every((line) => line.clue_status === 'clue_ready')
    if (isKnown && ecosystems.every(({ fit_due: isDue, fit_running: isRunning }) => !isDue && !isRunning)) return
    await sleep(500)
  }
  throw new Error('the matrix was not learnt within ten minutes')
}
