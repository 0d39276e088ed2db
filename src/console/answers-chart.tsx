import type { JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Series } from '#api/console/console-data.ts'
import { formatRate } from './format.ts'
import { themeChanged } from './theme-button.tsx'

/** Answers per second over the last minutes. The canvas is hidden from screen readers; its caption says the same. */
export function AnswersChart({ series }: { series: Series }): JSX.Element {
  const place = useRef<HTMLDivElement>(null)
  const chart = useRef<uPlot | undefined>(undefined)
  const data = toData(series)
  const newest = useRef(data)
  newest.current = data

  useEffect(() => {
    const element = place.current
    if (element === null) return
    const draw = (): void => {
      chart.current?.destroy()
      chart.current = new uPlot(chartOptions(element), newest.current, element)
    }
    const resize = new ResizeObserver(() => chart.current?.setSize(sizeOf(element)))
    draw()
    resize.observe(element)
    addEventListener(themeChanged, draw)
    return () => {
      removeEventListener(themeChanged, draw)
      resize.disconnect()
      chart.current?.destroy()
    }
  }, [])
  useEffect(() => chart.current?.setData(data), [series])
  return <div class="chart" ref={place} aria-hidden="true" />
}

function toData({ startsAt, stepMs, values }: Series): uPlot.AlignedData {
  return [values.map((_, index) => (startsAt + index * stepMs) / 1_000), [...values]]
}

function sizeOf(element: HTMLElement): { width: number; height: number } {
  return { width: element.clientWidth, height: element.clientHeight }
}

function chartOptions(element: HTMLElement): uPlot.Options {
  const style = getComputedStyle(element)
  const color = (name: string): string => style.getPropertyValue(name).trim()
  const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize)
  const axis: uPlot.Axis = {
    stroke: color('--ink-soft'),
    font: `${0.8125 * rem}px ${style.fontFamily}`,
    grid: { stroke: color('--line'), width: 1 },
    ticks: { show: false },
  }
  return {
    ...sizeOf(element),
    legend: { show: false },
    cursor: { show: false },
    padding: [rem * 0.5, rem * 0.5, 0, 0],
    scales: { y: { range: (_chart, _min, max) => [0, Math.max(1, max * 1.15)] } },
    axes: [
      { ...axis, space: 6 * rem, size: 2 * rem, values: (_chart, ticks) => ticks.map(formatTick) },
      {
        ...axis,
        size: (_chart, ticks) => (ticks ? (Math.max(...ticks.map((tick) => tick.length)) * 0.55 + 1) * rem : 3 * rem),
        values: (_chart, ticks) => ticks.map(formatRate),
      },
    ],
    series: [{}, { stroke: color('--accent'), width: 2, fill: color('--accent-faint'), points: { show: false } }],
  }
}

function formatTick(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' })
}
