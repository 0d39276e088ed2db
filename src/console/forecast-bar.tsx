import type { JSX } from 'preact'
import type { Forecast } from '#api/console/console-data.ts'
import { type ForecastScale, placeOn, wholeScale } from './forecast-scale.ts'

type Clue = Forecast['clues'][number]

interface ForecastBarProps {
  readonly clue: Clue | undefined
  readonly classClue: Clue | undefined
  readonly scale?: ForecastScale
}

/**
 * A CLUE as a bar from minimum to maximum with a mark at the most likely value. Nothing known is a dashed frame without
 * a mark: it cannot be taken for a wide interval. The columns beside it say the same in words.
 */
export function ForecastBar(props: ForecastBarProps): JSX.Element {
  const { clue, classClue, scale = wholeScale } = props
  const place = (share: number): string => percent(placeOn(scale, share))
  return (
    <div class={clue === undefined ? 'bar bar-unknown' : 'bar'} aria-hidden="true">
      {clue !== undefined && (
        <>
          <span
            class="bar-interval"
            style={{
              left: place(clue.minimum),
              width: percent(placeOn(scale, clue.maximum) - placeOn(scale, clue.minimum)),
            }}
          />
          <span class="bar-mark" style={{ left: place(clue.mostLikely) }} />
        </>
      )}
      {classClue?.isReal === true && <span class="bar-class" style={{ left: place(classClue.mostLikely) }} />}
    </div>
  )
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`
}

export function ForecastLegend({ withClass }: { withClass: boolean }): JSX.Element {
  const example: Clue = { minimum: 0.2, mostLikely: 0.5, maximum: 0.8, isReal: true }
  return (
    <ul class="legend" aria-label="How to read the bars">
      <li>
        <ForecastBar clue={example} classClue={undefined} />
        Mark: share of right answers expected. Bar: it lies in here with even odds.
      </li>
      {withClass && (
        <li>
          <span class="bar legend-class" aria-hidden="true">
            <span class="bar-class" style={{ left: '50%' }} />
          </span>
          Whole class
        </li>
      )}
      <li>
        <ForecastBar clue={undefined} classClue={undefined} />
        Too few answers to say
      </li>
    </ul>
  )
}
