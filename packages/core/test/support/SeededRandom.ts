// Pseudorandom numbers that a test can repeat: the same seed, the same numbers.

/** Numbers from 0 to 1, by a small generator that mixes a counter. */
export const make = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** One of these. */
export const oneOf = <A>(chance: () => number, choices: readonly [A, ...ReadonlyArray<A>]): A =>
  choices[Math.floor(chance() * choices.length)] ?? choices[0]
