// One line of the judgement.

export interface Figure {
  readonly title: string
  readonly value: string
  /** What it has to be; absent, if it is shown alone. */
  readonly limit?: string
  readonly holds: boolean
}

/** The value below which the share `p` of the values lies. */
export const percentile = (values: ReadonlyArray<number>, p: number): number => {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? 0
}

/** How many there are, which must be none. */
export const none = (title: string, those: ReadonlyArray<unknown>): Figure => ({
  title,
  value: `${those.length}`,
  limit: "0",
  holds: those.length === 0
})

export const show = (title: string, value: string): Figure => ({ title, value, holds: true })

export const atMost = (title: string, value: number, limit: number, unit: string, digits = 0): Figure => ({
  title,
  value: `${value.toFixed(digits)} ${unit}`.trim(),
  limit: `≤ ${limit} ${unit}`.trim(),
  holds: value <= limit
})

export const groupBy = <A>(
  values: ReadonlyArray<A>,
  key: (value: A) => string
): ReadonlyMap<string, ReadonlyArray<A>> => {
  const groups = new Map<string, Array<A>>()
  for (const value of values) {
    const group = groups.get(key(value))
    if (group === undefined) groups.set(key(value), [value])
    else group.push(value)
  }
  return groups
}
