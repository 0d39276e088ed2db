import { Presets, SingleBar } from 'cli-progress'

/** What a run tells while it works. On a terminal a bar; elsewhere plain lines; in the background nothing. */
export interface Progress {
  note(text: string): void
  /** Begins a stage of `total` steps; returns how to report steps done and how to end it, which must happen. */
  stage(name: string, total: number): Stage
}
export interface Stage {
  advance(steps: number): void
  end(): void
}

export const silentProgress: Progress = {
  note: () => {},
  stage: () => ({ advance: () => {}, end: () => {} }),
}

/** Standard output stays free for the report. */
export function terminalProgress(stream: NodeJS.WriteStream): Progress {
  return {
    note: (text) => stream.write(`${text}\n`),
    stage(name, total) {
      const startedAt = performance.now()
      let done = 0
      const rate = () => `${Math.round((done * 1000) / Math.max(1, performance.now() - startedAt))}/s`
      const bar = new SingleBar(
        {
          format: `${name} [{bar}] {value}/{total} {rate} {duration_formatted}`,
          stream,
          noTTYOutput: true,
          notTTYSchedule: 5000,
          hideCursor: true,
          emptyOnZero: true,
        },
        Presets.legacy,
      )
      bar.start(total, 0, { rate: rate() })
      return {
        advance(steps) {
          done += steps
          bar.update(done, { rate: rate() })
        },
        end: () => bar.stop(),
      }
    },
  }
}
