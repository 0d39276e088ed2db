/*
 * Path normalisation (api.md §1): repeated slashes collapse, a trailing slash and a `.json` suffix are ignored, and an
 * optional prefix is taken off. Only paths of the wire are touched; all others reach the router as they came.
 */
export function pathNormaliser(wirePaths: KnownPaths, prefix: string): (url: string) => string {
  const cleanPrefix = prefix === '' ? '' : collapse(`/${prefix}/`).slice(0, -1)
  return (url) => {
    if (wirePaths.has(url)) return url
    const end = url.search(/[?#]/)
    const path = canonical(end === -1 ? url : url.slice(0, end), cleanPrefix)
    if (!wirePaths.has(path)) return url
    return end === -1 ? path : path + url.slice(end)
  }
}

export type KnownPaths = Pick<ReadonlySet<string>, 'has'>

/** Paths with names in braces match any one step in their place. */
export function pathsOf(endpoints: readonly { readonly path: string }[]): KnownPaths {
  const fixed = new Set(endpoints.map(({ path }) => path).filter((path) => !path.includes('{')))
  const open = endpoints
    .filter(({ path }) => path.includes('{'))
    .map(({ path }) => path.replaceAll(/\{\w+\}/g, '[^/?#]+'))
  const pattern = open.length === 0 ? undefined : new RegExp(`^(?:${open.join('|')})$`)
  return { has: (path) => fixed.has(path) || (pattern?.test(path) ?? false) }
}

function canonical(given: string, prefix: string): string {
  let path = collapse(given)
  if (prefix !== '' && path.startsWith(`${prefix}/`)) path = path.slice(prefix.length)
  if (path.endsWith('/')) path = path.slice(0, -1)
  return path.endsWith('.json') ? path.slice(0, -5) : path
}

function collapse(path: string): string {
  return path.replace(/\/{2,}/g, '/')
}
