// A rule that does not hold.
export class Violation extends Error {}

export const must = (holds: boolean, rule: string): void => {
  if (!holds) throw new Violation(rule)
}
