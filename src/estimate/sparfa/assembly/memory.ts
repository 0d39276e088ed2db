/** Entry `at` of an array that begins at `array`. */
export function int(array: usize, at: usize): usize {
  return load<i32>(array + (at << 2))
}

export function float(array: usize, at: usize): f64 {
  return load<f64>(array + (at << 3))
}

export function addTo(place: usize, value: f64): void {
  store<f64>(place, load<f64>(place) + value)
}

export function addPairTo(place: usize, value: v128): void {
  v128.store(place, f64x2.add(v128.load(place), value))
}
