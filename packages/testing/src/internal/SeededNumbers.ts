/** Pseudorandom numbers from 0 to 1: the same seed, the same numbers. A 32-bit generator that mixes a counter. */
export function* make(seed: number): Generator<number, never> {
  let counter = seed
  while (true) {
    counter = (counter + 0x9e3779b9) | 0
    const first = Math.imul(counter ^ (counter >>> 16), 0x21f0aaad)
    const second = Math.imul(first ^ (first >>> 15), 0x735a2d97)
    yield ((second ^ (second >>> 15)) >>> 0) / 2 ** 32
  }
}
