import type { ExplainedCandidate, ExplainedPick, PickExplanation } from '#answers/pick-explanation.ts'
import type { Recomputed } from '#answers/receipts.ts'
import type { ClueReceipt } from '#due/clue-receipts.ts'
import type { Receipt } from '#due/receipts.ts'

const kindText = {
  pe: 'personalised exercises of assignment',
  spe: 'spaced exercises of assignment',
  worst_areas: 'worst areas of student',
  student_clue: 'CLUE of student',
  teacher_clue: 'CLUE of course container',
} as const

const candidatesShown = 10

/** What was handed out and why, for a person to read. */
export function receiptText(recomputed: Recomputed): string {
  const { receipt, again, differences } = recomputed
  const verdict = differences.length === 0 ? ['equal'] : ['NOT equal', ...differences.map((line) => `  ${line}`)]
  return [
    `receipt ${receipt.calculation}`,
    field('for', `${kindText[receipt.kind]} ${receipt.subject}`),
    field('algorithm', receipt.algorithm),
    ...(receipt.experiment === undefined ? [] : [field('experiment', experimentText(receipt.experiment))]),
    field('matrix', receipt.matrix),
    field('as of', `${new Date(receipt.asOf).toISOString()}, course event ${receipt.position}`),
    ...('clue' in receipt ? clueLines(receipt) : givenLines(receipt)),
    '',
    ...againLines(again),
    ...verdict,
  ].join('\n')
}

function givenLines({ exercises, exercisesMax }: Receipt): string[] {
  return [
    field('given', `${exercises.length} exercises${atMost(exercisesMax)}`),
    ...exercises.map((exercise, place) => `    ${place + 1}. ${exercise}`),
  ]
}

function clueLines({ bookContainer, clue }: ClueReceipt): string[] {
  const { minimum, mostLikely, maximum, isReal } = clue
  return [
    field('of', `book container ${bookContainer}`),
    field('given', `${mostLikely}, from ${minimum} to ${maximum}${isReal ? '' : ', not real'}`),
  ]
}

function againLines(again: Recomputed['again']): string[] {
  if (again?.explanation === undefined) return []
  if (!('poolSize' in again.explanation)) return [...explanationLines(again.explanation), '']
  const { poolSize, countedAnswers, orphanedAnswers, answersInAll } = again.explanation
  return [
    'computed again',
    field('pool', `${poolSize} exercise groups, ${answersInAll} answers to them`),
    field('counted', `${countedAnswers} answers in all${orphanedAnswers > 0 ? `, ${orphanedAnswers} nowhere` : ''}`),
    '',
  ]
}

function field(name: string, text: string): string {
  return `  ${name.padEnd(11)}${text}`
}

function experimentText({ name, version }: NonNullable<Receipt['experiment']>): string {
  return `${name}, version ${version}; the algorithm is the arm`
}

function atMost(exercisesMax: number | undefined): string {
  return exercisesMax === undefined ? '' : `, at most ${exercisesMax} asked for`
}

function explanationLines(explanation: PickExplanation): string[] {
  if (explanation.need === 'assigned') return ['computed again: the exercises were assigned already']
  if (explanation.need === 'nothing') return ['computed again: nothing was wanted']
  const { seed, goal, shortage, candidates, candidatesInAll, excludedByReason, picks } = explanation
  const shown = candidates.slice(0, candidatesShown)
  const excluded = Object.entries(excludedByReason).map(([reason, count]) => `${reason} ${count}`)
  return [
    'computed again',
    field('seed', seed),
    field('goal', `${goal}`),
    ...(shortage === undefined ? [] : [field('shortage', shortage.reason)]),
    field('excluded', excluded.length === 0 ? 'none' : excluded.join(', ')),
    field(
      'candidates',
      `${candidatesInAll}, best first${shown.length < candidatesInAll ? ` (${shown.length} shown)` : ''}`,
    ),
    ...shown.map(candidateLine),
    field('picks', `${picks.length}`),
    ...picks.map(pickLine),
  ]
}

function candidateLine({ exercise, container, rank, expected }: ExplainedCandidate): string {
  const place = rank === undefined ? 'unknown to the algorithm' : `rank ${rank}`
  const odds = expected === undefined ? '' : `, expected to be right ${expected.toFixed(3)}`
  return `    ${exercise}  ${place}${odds}, in ${container}`
}

function pickLine(pick: ExplainedPick, place: number): string {
  const words = [
    pick.isRanked ? `rank ${pick.rank}` : 'drawn by the seed',
    `slot ${pick.slot}${pick.displacement === 0 ? '' : ` (displaced by ${pick.displacement})`}`,
    ...(pick.kAgo === undefined ? [] : [`${pick.kAgo} ago${pick.isRandomAgo === true ? ', drawn' : ''}`]),
    ...(pick.area === undefined ? [] : [`area ${pick.area}`]),
    `in ${pick.container}`,
  ]
  return `    ${place + 1}. ${pick.exercise}  ${words.join(', ')}`
}
