/**
 * The parameters of a request, in a form or as the claims of a signed request.
 *
 * @see CIBA Core 1.0 sections 7.1 and 7.1.1
 */
import { Schema } from "effect"
import * as ParameterNames from "../provider/ParameterNames.ts"
import { InvalidParameter } from "./AuthenticationRequestError.ts"

/** A parameter. A value that is not a string is serialized as JSON in a form, and stays as it is in a claim. */
export type Parameter = readonly [name: string, value: Schema.Json]

/** Names with an option of their own, of client authentication, and of the claims of a signed request. */
export const reserved: ReadonlySet<string> = new Set([
  ...ParameterNames.authenticationRequest,
  ...ParameterNames.credentials,
  "iss",
  "aud",
  "exp",
  "iat",
  "nbf",
  "jti",
  "sub"
])

/** A parameter, and what is wrong with it; `undefined` if nothing is. */
export type Problem = readonly [parameter: string, problem: string | undefined]

/** No parameter if the value is `undefined`. */
export const optional = (name: string, value: Schema.Json | undefined): ReadonlyArray<Parameter> =>
  value === undefined ? [] : [[name, value]]

/** The parameters as a form. Only `resource` is repeated, once for each of its values (RFC 8707 section 2). */
export const toForm = (parameters: ReadonlyArray<Parameter>): ReadonlyArray<readonly [string, string]> =>
  parameters.flatMap(([name, value]) =>
    name === "resource" && Array.isArray(value)
      ? value.map((one) => [name, text(one)] as const)
      : [[name, text(value)] as const]
  )

/** The parameters as claims, each with its JSON type. */
export const toClaims = (parameters: ReadonlyArray<Parameter>): Readonly<Record<string, Schema.Json>> =>
  Object.fromEntries(parameters)

/** The first problem, as an error. */
export const findInvalid = (problems: ReadonlyArray<Problem>): InvalidParameter | undefined => {
  const found = problems.find(([, problem]) => problem !== undefined)
  return found && toInvalid(...found)
}

/** A problem as an error. */
export const toInvalid = (...[parameter, problem]: Problem): InvalidParameter | undefined =>
  problem === undefined ? undefined : new InvalidParameter({ parameter, problem })

/** Rejects lone surrogates: they have no UTF-8 encoding, and the provider would read another character. */
export const validateText = (parameters: ReadonlyArray<Parameter>): ReadonlyArray<Problem> =>
  toForm(parameters)
    .filter((parameter) => parameter.some((text) => /\p{Cs}/u.test(text)))
    .map(([name]) => [name, "it contains a lone surrogate; send well-formed text"])

const text = (value: Schema.Json): string => (typeof value === "string" ? value : encode(value))

const encode = Schema.encodeSync(Schema.fromJsonString(Schema.Json))
