import type { JSX } from 'preact'
import type { CourseView } from '#api/console/console-data.ts'
import type { AnswerVerdict, ClueBasis, JudgedAnswerLine } from '#api/console/explanation-data.ts'
import { ForecastBar } from './forecast-bar.tsx'
import { formatBookName, formatCount, formatDateTime, formatInterval, formatShare, plural } from './format.ts'
import { useLive } from './live.ts'
import { Notice, NotReady } from './notice.tsx'
import type { CourseView as View } from './router.ts'
import { ShortUuid } from './short-uuid.tsx'
import { StudentCrumb } from './student-crumb.tsx'

type BasisView = Extract<View, { name: 'basis' }>

/** Which answers a student's CLUE rests on, and what became of the others. */
export function ClueBasisSection({ course, view }: { course: CourseView; view: BasisView }): JSX.Element {
  const live = useLive<ClueBasis>(`/courses/${view.course}/students/${view.student}/basis/${view.container}`)
  const line = course.book.find(({ container }) => container === view.container)
  const name = line === undefined ? 'This part of the book' : formatBookName(line)
  return (
    <section aria-labelledby="basis-heading" class="panel">
      <StudentCrumb course={view.course} student={view.student} />
      <h2 id="basis-heading">{name}: which answers counted</h2>
      {live.state === 'ready' ? <BasisContent basis={live.value} /> : <NotReady live={live} what="estimate" />}
    </section>
  )
}

function BasisContent({ basis }: { basis: ClueBasis }): JSX.Element {
  const { clue, answers } = basis
  const counted = answers.filter(({ verdict }) => verdict === 'counted')
  const right = counted.filter(({ isCorrect }) => isCorrect).length
  const withheld = answers.filter(({ verdict }) => verdict === 'withheld').length
  return (
    <>
      <p>
        {clue.isReal
          ? `${formatShare(clue.mostLikely)} expected, ${formatInterval(clue.minimum, clue.maximum)} with even odds.`
          : 'Too few answers to say.'}
      </p>
      <div class="basis-bar">
        <ForecastBar clue={clue.isReal ? clue : undefined} classClue={undefined} />
      </div>
      <p class="help">
        {plural(counted.length, 'answer counts', 'answers count')} here, {formatCount(right)} of them right, for{' '}
        {plural(basis.poolGroups, 'exercise', 'exercises')} of this part.
        {withheld > 0 &&
          ` ${plural(withheld, 'answer is', 'answers are')} withheld until feedback is out, or the estimate would tell.`}{' '}
        The estimate also uses the student’s answers elsewhere, {formatCount(basis.countedAnswers)} in all, as far as
        the matrix connects them.
        {basis.orphanedAnswers > 0 &&
          ` ${plural(basis.orphanedAnswers, 'answer counts', 'answers count')} nowhere: this book lacks the exercise, and no map leads here from the book it was asked in.`}
      </p>
      {answers.length === 0 ? (
        <Notice kind="empty">The student has not answered an exercise of this part.</Notice>
      ) : (
        <AnswersTable answers={answers} />
      )}
    </>
  )
}

const verdictWords: { readonly [verdict in AnswerVerdict]: string } = {
  counted: 'counts',
  superseded: 'replaced by a later answer to the same exercise',
  withheld: 'withheld until its feedback is out',
  excluded: 'excluded in this course',
  trial_unknown: 'its assignment has not arrived',
  exercise_unknown: 'its exercise is not known',
}

function AnswersTable({ answers }: { answers: readonly JudgedAnswerLine[] }): JSX.Element {
  return (
    <table aria-labelledby="basis-heading">
      <thead>
        <tr>
          <th scope="col">Answered</th>
          <th scope="col">Exercise</th>
          <th scope="col">Answer</th>
          <th scope="col">What became of it</th>
          <th scope="col" class="number">
            Number
          </th>
        </tr>
      </thead>
      <tbody>
        {answers.map((answer) => (
          <tr key={answer.sequenceNumber} class={answer.verdict === 'counted' ? '' : 'faded'}>
            <th scope="row">{formatDateTime(answer.respondedAt)}</th>
            <td>
              <ShortUuid uuid={answer.exercise} />
            </td>
            <td>{answer.isCorrect ? 'right' : 'wrong'}</td>
            <td>
              {verdictWords[answer.verdict]}
              {answer.visibleAt !== null && ` (${formatDateTime(answer.visibleAt)})`}
            </td>
            <td class="number">{formatCount(answer.sequenceNumber)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
