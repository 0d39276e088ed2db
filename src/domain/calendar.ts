/**
 * Whether `text` begins with a day that exists, as YYYY-MM-DD. `Date.parse` alone takes 30 February for 2 March, and
 * who asks about the past would be answered about another day than the one they named.
 */
export function beginsWithDay(text: string): boolean {
  const day = text.slice(0, 10)
  const date = new Date(`${day}T00:00:00Z`)
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(`${day}T`)
}
