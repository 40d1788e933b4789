/** Ids that are good for one use. */

/** Whether an id comes for the first time. */
export type ReplayCache = (id: string) => boolean

export const make = (): ReplayCache => {
  const seen = new Set<string>()
  return (id) => {
    const first = !seen.has(id)
    seen.add(id)
    return first
  }
}
