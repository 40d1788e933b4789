// Medians, percentiles and spreads of measured values.

/** The value below which the share `p` of the values lies. */
export const percentile = (values: ReadonlyArray<number>, p: number): number => {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN
}

export const median = (values: ReadonlyArray<number>): number => percentile(values, 0.5)

/** What stands for all values, and how far they are from it on both sides. */
export interface Summary {
  readonly middle: number
  readonly least: number
  readonly most: number
}

export const summarize = (values: ReadonlyArray<number>): Summary => ({
  middle: median(values),
  least: Math.min(...values),
  most: Math.max(...values)
})

/**
 * One side over the other, by the least of each: what else the machine does can only add to a figure. The least and the most are those
 * of the rounds.
 */
export const compareSides = (own: ReadonlyArray<number>, peer: ReadonlyArray<number>): Summary => {
  const ratios = own.map((value, round) => value / (peer[round] ?? Number.NaN))
  return { ...summarize(ratios), middle: percentile(own, 0) / percentile(peer, 0) }
}
