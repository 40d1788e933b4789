// Medians, percentiles and spreads of measured values.

/** The value below which the share `p` of the values lies. */
export const percentile = (values: ReadonlyArray<number>, p: number): number => {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? Number.NaN
}

export const median = (values: ReadonlyArray<number>): number => percentile(values, 0.5)

/** The median, and how far the values are from it on both sides. */
export interface Summary {
  readonly median: number
  readonly least: number
  readonly most: number
}

export const summarize = (values: ReadonlyArray<number>): Summary => ({
  median: median(values),
  least: Math.min(...values),
  most: Math.max(...values)
})

/** The ratios of values that were measured in the same rounds. */
export const ratios = (own: ReadonlyArray<number>, peer: ReadonlyArray<number>): ReadonlyArray<number> =>
  own.map((value, round) => value / (peer[round] ?? Number.NaN))
