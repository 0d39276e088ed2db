import type pg from 'pg'
import { int2Array, int4Array, uuidArray } from '#log/binary-arrays.ts'
import type { ActivityChange, AnswersChange, AssignmentChange, NamedMatrixChange } from './fold.ts'
import { answerBytes, answersPerRowMax, packAnswer } from './pack-answer.ts'
import { packAssignment } from './pack-assignment.ts'

/*
 * The hot statements: answers, who gave them, assignments. Keys travel as binary arrays, packed bodies as one binary
 * parameter that the statement cuts up.
 */

/**
 * Answers, one row per student and pass in key order (neighbours meet on the same index page), and what they change
 * with them: the counters of their ecosystems, and learners, who are inserted once and then only probed. One statement,
 * because a small pass is mostly round trips.
 */
export async function writeAnswers(
  client: pg.ClientBase,
  changes: Iterable<AnswersChange>,
  activity: readonly ActivityChange[],
): Promise<void> {
  const rows = [...changes].flatMap(splitRows).sort((a, b) => a.part - b.part || (a.student < b.student ? -1 : 1))
  if (rows.length === 0) return
  const learners = activity.flatMap(({ part, ecosystem, learners: students }) =>
    [...students].sort().map((student) => ({ part, ecosystem, student })),
  )
  await client.query({
    name: 'learning_write_answers',
    text: `
      with answered as (
        insert into learning_answer (part, student, last_number, n, body)
        select part, student, last_number, n,
          substring(
            $5::bytea from (1 + ${answerBytes} * (sum(n) over (order by place) - n))::int for ${answerBytes} * n
          )
        from unnest($1::smallint[], $2::uuid[], $3::int[], $4::smallint[])
          with ordinality as given (part, student, last_number, n, place)
      ), counted as (
        insert into learning_activity as stored (part, ecosystem, answers, real_answers)
        select part, ecosystem, answers, real_answers
        from unnest($6::smallint[], $7::uuid[], $8::int[], $9::int[])
          as given (part, ecosystem, answers, real_answers)
        on conflict (part, ecosystem) do update set
          answers = stored.answers + excluded.answers,
          real_answers = stored.real_answers + excluded.real_answers
      )
      insert into learning_learner (part, ecosystem, student)
      select part, ecosystem, student
      from unnest($10::smallint[], $11::uuid[], $12::uuid[]) as given (part, ecosystem, student)
      on conflict do nothing`,
    values: [
      int2Array(rows.map(({ part }) => part)),
      uuidArray(rows.map(({ student }) => student)),
      int4Array(rows.map(({ answers }) => Math.max(...answers.map(({ number }) => number)))),
      int2Array(rows.map(({ answers }) => answers.length)),
      packRows(rows),
      int2Array(activity.map(({ part }) => part)),
      uuidArray(activity.map(({ ecosystem }) => ecosystem)),
      int4Array(activity.map(({ answers }) => answers)),
      int4Array(activity.map(({ realAnswers }) => realAnswers)),
      int2Array(learners.map(({ part }) => part)),
      uuidArray(learners.map(({ ecosystem }) => ecosystem)),
      uuidArray(learners.map(({ student }) => student)),
    ],
  })
}

function packRows(rows: readonly AnswersChange[]): Buffer {
  const bodies = Buffer.allocUnsafe(rows.reduce((sum, { answers }) => sum + answers.length, 0) * answerBytes)
  let at = 0
  for (const { answers } of rows) {
    for (const answer of answers) {
      packAnswer(bodies, at, answer)
      at += answerBytes
    }
  }
  return bodies
}

function splitRows({ part, student, answers }: AnswersChange): AnswersChange[] {
  if (answers.length <= answersPerRowMax) return [{ part, student, answers }]
  const rows = Math.ceil(answers.length / answersPerRowMax)
  return Array.from({ length: rows }, (_, row) => ({
    part,
    student,
    answers: answers.slice(row * answersPerRowMax, (row + 1) * answersPerRowMax),
  }))
}

/** The number of an assignment's first event is kept, everything else replaced. */
export async function writeAssignments(client: pg.ClientBase, changes: readonly AssignmentChange[]): Promise<void> {
  if (changes.length === 0) return
  const bodies = changes.map(({ assignment }) => packAssignment(assignment))
  await client.query({
    name: 'learning_write_assignments',
    text: `
      insert into learning_assignment as stored (part, assignment, student, first_number, last_number, body)
      select part, assignment, student, first_number, last_number,
        substring($7::bytea from (1 + sum(length) over (order by place) - length)::int for length)
      from unnest($1::smallint[], $2::uuid[], $3::uuid[], $4::int[], $5::int[], $6::int[])
        with ordinality as given (part, assignment, student, first_number, last_number, length, place)
      on conflict (part, assignment) do update set
        student = excluded.student,
        last_number = excluded.last_number,
        body = excluded.body`,
    values: [
      int2Array(changes.map(({ part }) => part)),
      uuidArray(changes.map(({ assignment }) => assignment.uuid)),
      uuidArray(changes.map(({ assignment }) => assignment.student)),
      int4Array(changes.map(({ assignment }) => assignment.firstNumber)),
      int4Array(changes.map(({ assignment }) => assignment.lastNumber)),
      int4Array(bodies.map(({ length }) => length)),
      Buffer.concat(bodies),
    ],
  })
}

/** Matrices that assignments name are never removed (design D24); who looks for them is the clean-up of `due`. */
export async function writeNamedMatrices(client: pg.ClientBase, changes: readonly NamedMatrixChange[]): Promise<void> {
  if (changes.length === 0) return
  await client.query({
    name: 'learning_write_named_matrices',
    text: `
      insert into learning_named_matrix (part, matrix)
      select part, matrix
      from unnest($1::smallint[], $2::uuid[]) as given (part, matrix)
      on conflict do nothing`,
    values: [int2Array(changes.map(({ part }) => part)), uuidArray(changes.map(({ matrix }) => matrix))],
  })
}
