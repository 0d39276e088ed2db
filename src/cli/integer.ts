import { InvalidArgumentError } from 'commander'

/** Parser of an option that is a whole number from `least` to `most`, in decimal digits. */
export function integerFrom(least: number, most = 999_999_999): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d{1,15}$/.test(text) && value >= least && value <= most) return value
    throw new InvalidArgumentError(`must be a whole number from ${least} to ${most}.`)
  }
}
