/**
 * The `scope` of a request.
 *
 * @see RFC 6749 section 3.3
 */
import type { Parameter } from "./RequestParameters.ts"

/** What is wrong with the values; `undefined` if they can be sent. */
export const validate = (scope: ReadonlyArray<string> = []): string | undefined =>
  describe(scope, "a value is empty, or contains a quote, a backslash or what is no visible ASCII character")

/** The same for a list of other values, with what is wrong where no value has a space. */
export const describe = (values: ReadonlyArray<string>, otherwise: string): string | undefined => {
  if (values.every(isToken)) return undefined
  return values.some((value) => value.includes(" "))
    ? "a value contains a space; give each value as an entry of the list"
    : otherwise
}

/** The parameter; without a value there is none. */
export const toParameters = (scope: ReadonlyArray<string> = []): ReadonlyArray<Parameter> =>
  scope.length === 0 ? [] : [["scope", scope.join(" ")]]

/** Whether a text is one value of a list that is separated by spaces. */
export const isToken = (value: string): boolean => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value)
