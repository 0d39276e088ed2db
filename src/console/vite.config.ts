import { defineConfig } from 'vite'

/** Everything is served from /console/, nothing from elsewhere, and nothing is inlined: the page forbids both. */
export default defineConfig({
  base: '/console/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: { target: 'es2023', assetsInlineLimit: 0, modulePreload: { polyfill: false } },
})
