/**
 * What a `claims` parameter asks for, wherever it is well-formed.
 *
 * @see OpenID Connect Core 5.5, OpenID Connect for Identity Assurance 1.0
 */
import { Predicate } from "effect"

/** How a claim of the ID Token is asked for; `undefined` if it is not. */
export const ofIdToken = (claims: unknown, name: string): unknown => read(claims, "id_token", name)

/** The values that a claim of the ID Token is asked for with; `undefined` if any will do. `null` is no value, and an empty list none. */
export const valuesOf = (claims: unknown, name: string): ReadonlyArray<unknown> | undefined => {
  const request = ofIdToken(claims, name)
  const list = read(request, "values")
  const values = (Array.isArray(list) ? list : [read(request, "value")]).filter(Predicate.isNotNullish)
  return values.length === 0 ? undefined : values
}

/** The `verified_claims` that are asked for, in the ID Token and at the UserInfo endpoint. */
export const findVerified = (claims: unknown): ReadonlyArray<unknown> =>
  ["id_token", "userinfo"].flatMap((where) => listVerified(read(claims, where)))

/** The `verified_claims` of a request or of a token: one object, or several. */
export const listVerified = (claims: unknown): ReadonlyArray<unknown> => {
  const found = read(claims, "verified_claims") ?? []
  return Array.isArray(found) ? found : [found]
}

/** The member at a path; `undefined` if there is none. */
export const read = (value: unknown, ...[name, ...others]: ReadonlyArray<string>): unknown => {
  if (name === undefined) return value
  return Predicate.isObject(value) && Object.hasOwn(value, name) ? read(value[name], ...others) : undefined
}
