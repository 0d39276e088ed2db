/**
 * Cuts a list of serialised items into requests: at most so many items (the server refuses more) and so many bytes (so
 * that no request runs into a body limit or a read timeout). An item that alone exceeds the byte cap travels alone:
 * snapshots such as rosters cannot be divided. Pure; order is kept.
 */
export interface SliceLimits {
  readonly itemsMax: number
  readonly bytesMax: number
}

export function sliceItems(items: readonly string[], limits: SliceLimits): string[][] {
  const slices: string[][] = []
  let slice: string[] = []
  let bytes = 0
  for (const item of items) {
    const itemBytes = utf8Length(item) + 1
    const isFull = slice.length === limits.itemsMax || bytes + itemBytes > limits.bytesMax
    if (slice.length > 0 && isFull) {
      slices.push(slice)
      slice = []
      bytes = 0
    }
    slice.push(item)
    bytes += itemBytes
  }
  if (slice.length > 0) slices.push(slice)
  return slices
}

/** `{"key":[item,item]}` from items that are JSON already, so that nothing is serialised twice. */
export function bodyOf(key: string, items: readonly string[]): string {
  return `{${JSON.stringify(key)}:[${items.join(',')}]}`
}

const encoder = new TextEncoder()

export function utf8Length(text: string): number {
  return encoder.encode(text).byteLength
}
