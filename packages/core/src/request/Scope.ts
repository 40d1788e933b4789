/**
 * The `scope` of a request.
 *
 * @see RFC 6749 section 3.3
 */
import type { Parameter } from "./RequestParameters.ts"

/** What is wrong with the values; `undefined` if they can be sent. */
export const validate = (scope: ReadonlyArray<string> = []): string | undefined =>
  scope.every(isToken) ? undefined : "a value contains a space, a quote or a backslash, or is empty"

/** The parameter; without a value there is none. */
export const toParameters = (scope: ReadonlyArray<string> = []): ReadonlyArray<Parameter> =>
  scope.length === 0 ? [] : [["scope", scope.join(" ")]]

/** Whether a text is one value of a list that is separated by spaces. */
export const isToken = (value: string): boolean => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(value)
