/**
 * How granted `authorization_details` differ from the requested ones, by meaning: the order of details, of members and of
 * the values in RFC 9396's own lists says nothing, and a member that is `null` is none.
 *
 * @see RFC 9396 sections 2.2 and 7.1
 */
import { Predicate } from "effect"
import { sanitize } from "../internal/DisplayText.ts"

/** What differs, by types and names of members, and never by values; `undefined` if nothing does. */
export const describeDifference = (requested: ReadonlyArray<unknown>, granted: unknown): string | undefined => {
  if (!Array.isArray(granted)) return "the response has none"
  const [missing, additional] = subtract(requested, granted)
  const [notGranted, notRequested, changes] = pair(missing, additional)
  const problems = [
    ...changes,
    ...notGranted.map((detail) => `${nameOf(detail)} is not granted`),
    ...notRequested.map((detail) => `${nameOf(detail)} is not requested`)
  ]
  if (problems.length === 0) return undefined
  const more = problems.length > longest ? [`${problems.length - longest} more`] : []
  return [...problems.slice(0, longest), ...more].join("; ")
}

type Details = ReadonlyArray<unknown>

/** The requested details without an equal one among the granted, and the granted that are left then. */
const subtract = (requested: Details, granted: Details): readonly [missing: Details, additional: Details] =>
  requested.reduce<readonly [Details, Details]>(
    ([missing, left], detail) => {
      const index = left.findIndex((other) => isSameDetail(detail, other))
      return index === -1 ? [[...missing, detail], left] : [missing, left.toSpliced(index, 1)]
    },
    [[], granted]
  )

/** Those that are left, after the ones of one type were compared with each other. */
const pair = (
  missing: Details,
  additional: Details
): readonly [notGranted: Details, notRequested: Details, changes: ReadonlyArray<string>] =>
  missing.reduce<readonly [Details, Details, ReadonlyArray<string>]>(
    ([notGranted, left, changes], detail) => {
      const index = left.findIndex((other) => typeOf(other) === typeOf(detail))
      return index === -1
        ? [[...notGranted, detail], left, changes]
        : [notGranted, left.toSpliced(index, 1), [...changes, describeChange(detail, left[index])]]
    },
    [[], additional, []]
  )

const describeChange = (requested: unknown, granted: unknown): string => {
  const [before, after] = [membersOf(requested), membersOf(granted)]
  const names = [...new Set([...before.keys(), ...after.keys()])].filter(
    (name) => !isSameMember(name, before.get(name), after.get(name))
  )
  return `${nameOf(requested)} differs in ${names.slice(0, longest).map(shorten).join(", ")}`
}

const isSameDetail = (one: unknown, other: unknown): boolean =>
  Predicate.isObject(one) && Predicate.isObject(other) ? areSameMembers(one, other, isSameMember) : isSame(one, other)

const isSameMember = (name: string, one: unknown, other: unknown): boolean =>
  sets.has(name) && Array.isArray(one) && Array.isArray(other)
    ? isWithin(one, other) && isWithin(other, one)
    : isSame(one, other)

const isWithin = (some: ReadonlyArray<unknown>, all: ReadonlyArray<unknown>): boolean =>
  some.every((value) => all.some((other) => isSame(value, other)))

const isSame = (one: unknown, other: unknown): boolean => {
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((value, index) => isSame(value, other[index]))
  }
  return Predicate.isObject(one) && Predicate.isObject(other)
    ? areSameMembers(one, other, (_, before, after) => isSame(before, after))
    : one === other
}

const areSameMembers = (one: object, other: object, compare: typeof isSameMember): boolean => {
  const [before, after] = [membersOf(one), membersOf(other)]
  return before.size === after.size && [...before].every(([name, value]) => compare(name, value, after.get(name)))
}

const membersOf = (value: unknown): ReadonlyMap<string, unknown> =>
  new Map(Predicate.isObject(value) ? Object.entries(value).filter(([, member]) => member != null) : [])

const typeOf = (detail: unknown): unknown => membersOf(detail).get("type")

const nameOf = (detail: unknown): string => {
  const type = typeOf(detail)
  return typeof type === "string" ? shorten(type) : "a detail without a type"
}

const shorten = (text: string): string => sanitize(text, 60)

/** How many differences are named. */
const longest = 5

/** The members whose values have no order (RFC 9396 section 2.2). */
const sets = new Set(["locations", "actions", "datatypes", "privileges"])
