/**
 * Charts as SVG text: panels with axes, lines, bands and dots. Pure; coordinates are rounded to a hundredth of a pixel,
 * so the same data gives the same file.
 */
export interface Panel {
  readonly title: string
  readonly xLabel: string
  readonly yLabel: string
  readonly x: Range
  readonly y: Range
  readonly layers: readonly Layer[]
}

export type Range = readonly [least: number, most: number]
export type Point = readonly [x: number, y: number]

/** Layers with a `name` stand in the legend. */
export type Layer =
  | { readonly kind: 'line'; readonly points: readonly Point[]; readonly colour: Colour; readonly name?: string }
  | { readonly kind: 'dots'; readonly points: readonly Point[]; readonly colour: Colour; readonly name?: string }
  | { readonly kind: 'band'; readonly points: readonly Edge[]; readonly colour: Colour; readonly name?: string }
  /** A mark on the x axis with a short text. */
  | { readonly kind: 'mark'; readonly x: number; readonly text: string }

export type Edge = readonly [x: number, low: number, high: number]
export type Colour = keyof typeof colours

/** Told apart by colour-blind readers too, and by brightness in print (Okabe and Ito). */
const colours = { blue: '#0072b2', orange: '#d55e00', green: '#009e73', grey: '#888888' } as const

const size = { width: 560, height: 300, left: 62, right: 16, top: 48, bottom: 46 }
const ticksAbout = 5
const bandOpacity = ' fill-opacity="0.2"'

export function renderSvg(panels: readonly Panel[]): string {
  const height = size.height * panels.length
  const body = panels.map((panel, row) => `<g transform="translate(0 ${row * size.height})">${renderPanel(panel)}</g>`)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${height}" width="${size.width}"`,
    ` height="${height}" role="img" font-family="sans-serif" font-size="12">\n`,
    `<title>${quoteText(panels.map(({ title }) => title).join('; '))}</title>\n`,
    `<rect width="100%" height="100%" fill="white"/>\n${body.join('\n')}\n</svg>\n`,
  ].join('')
}

interface Scale {
  readonly x: (value: number) => number
  readonly y: (value: number) => number
}

function renderPanel(panel: Panel): string {
  const across = linear(panel.x, [size.left, size.width - size.right])
  const upwards = linear(panel.y, [size.height - size.bottom, size.top])
  const scale: Scale = { x: (value) => hundredth(across(value)), y: (value) => hundredth(upwards(value)) }
  const middle = (size.left + size.width - size.right) / 2
  const texts = [
    `<text x="${size.left}" y="18" font-weight="bold">${quoteText(panel.title)}</text>`,
    `<text x="${middle}" y="${size.height - 10}" text-anchor="middle">${quoteText(panel.xLabel)}</text>`,
    `<text transform="translate(14 ${size.height / 2}) rotate(-90)" text-anchor="middle">${quoteText(panel.yLabel)}</text>`,
  ]
  const layers = panel.layers.map((layer) => renderLayer(layer, scale))
  return [...texts, ...renderAxes(panel, scale), ...layers, ...renderLegend(panel)].join('\n')
}

function renderAxes(panel: Panel, scale: Scale): string[] {
  const [left, right] = [size.left, size.width - size.right]
  const [top, bottom] = [size.top, size.height - size.bottom]
  const rows = ticks(panel.y).map((value) => {
    const y = scale.y(value)
    const label = `<text x="${left - 6}" y="${y + 4}" text-anchor="end">${value}</text>`
    return `<path d="M${left} ${y}H${right}" stroke="#dddddd"/>${label}`
  })
  const columns = ticks(panel.x).map((value) => {
    const x = scale.x(value)
    const label = `<text x="${x}" y="${bottom + 16}" text-anchor="middle">${value}</text>`
    return `<path d="M${x} ${bottom}v4" stroke="black"/>${label}`
  })
  return [...rows, ...columns, `<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="black"/>`]
}

function renderLayer(layer: Layer, scale: Scale): string {
  switch (layer.kind) {
    case 'line':
      return `<path d="${path(layer.points, scale)}" fill="none" stroke="${colours[layer.colour]}" stroke-width="1.5"/>`
    case 'dots':
      return layer.points
        .map(([x, y]) => `<circle cx="${scale.x(x)}" cy="${scale.y(y)}" r="2.5" fill="${colours[layer.colour]}"/>`)
        .join('')
    case 'band': {
      const lower = layer.points.map(([x, low]): Point => [x, low])
      const upper = layer.points.map(([x, , high]): Point => [x, high]).reverse()
      return `<path d="${path([...lower, ...upper], scale)}Z" fill="${colours[layer.colour]}"${bandOpacity}/>`
    }
    case 'mark': {
      const x = scale.x(layer.x)
      const line = `<path d="M${x} ${size.top}V${size.height - size.bottom}" stroke="#888888" stroke-dasharray="3 3"/>`
      return `${line}<text x="${x + 3}" y="${size.top + 10}" font-size="10">${quoteText(layer.text)}</text>`
    }
  }
}

function renderLegend({ layers }: Panel): string[] {
  let x = size.left
  return layers.flatMap((layer) => {
    if (layer.kind === 'mark' || layer.name === undefined) return []
    const opacity = layer.kind === 'band' ? bandOpacity : ''
    const entry =
      `<rect x="${x}" y="27" width="10" height="10" fill="${colours[layer.colour]}"${opacity}/>` +
      `<text x="${x + 14}" y="36">${quoteText(layer.name)}</text>`
    // Text is not measured here: seven pixels are enough for a letter of this size.
    x += 28 + 7 * layer.name.length
    return [entry]
  })
}

function path(points: readonly Point[], scale: Scale): string {
  return points.map(([x, y], at) => `${at === 0 ? 'M' : 'L'}${scale.x(x)} ${scale.y(y)}`).join('')
}

function linear([least, most]: Range, [begin, end]: Range): (value: number) => number {
  const width = most === least ? 1 : most - least
  return (value) => begin + ((value - least) / width) * (end - begin)
}

/** Round numbers inside the range: steps of 1, 2 or 5 times a power of ten. */
function ticks([least, most]: Range): number[] {
  if (most <= least) return [least]
  const raw = (most - least) / ticksAbout
  const power = 10 ** Math.floor(Math.log10(raw))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw * 0.999)!
  const first = Math.ceil(least / step - 1e-9)
  const count = Math.floor(most / step + 1e-9) - first + 1
  return Array.from({ length: count }, (_, at) => Number(((first + at) * step).toPrecision(12)))
}

function hundredth(value: number): number {
  return Math.round(value * 100) / 100
}

function quoteText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
