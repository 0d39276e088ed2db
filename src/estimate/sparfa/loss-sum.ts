/**
 * Sum of softplus(z) - y z over many rows: log(1 + exp(-|z|)) of each is a factor of one product, whose logarithm is
 * taken before it can overflow (a factor is 2 at most).
 */
import { exp } from './exponential.ts'

const PRODUCT_MAX = 1e300

export class LossSum {
  #sum = 0
  #product = 1

  add(z: number, isCorrect: number): void {
    const size = Math.abs(z)
    // What is surprising costs |z| more.
    if (isCorrect === 1 ? z < 0 : z > 0) this.#sum += size
    this.#product *= 1 + exp(-size)
    if (this.#product > PRODUCT_MAX) {
      this.#sum += Math.log(this.#product)
      this.#product = 1
    }
  }

  total(): number {
    return this.#sum + Math.log(this.#product)
  }
}
