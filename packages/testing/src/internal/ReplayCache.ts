/** The identifiers (`jti`) that were used before, so that each is accepted once. */
export type ReplayCache = (id: string) => boolean

/** Gives a function that is `true` for an identifier the first time, and `false` from then on. */
export const make = (): ReplayCache => {
  const used = new Set<string>()
  return (id) => {
    const isNew = !used.has(id)
    used.add(id)
    return isNew
  }
}
