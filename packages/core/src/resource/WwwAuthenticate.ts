/**
 * The challenges of a `WWW-Authenticate` header, in which a resource server says why it rejects a token. There may be
 * several in one header or in several, with schemes and parameter names in any case; what is not a challenge is
 * skipped.
 *
 * @see RFC 9110 section 11.6.1, RFC 6750 section 3, RFC 9449 section 7.1
 */
import type { HttpClientResponse } from "effect/http"

/** One challenge. Its texts come from the server: sanitize them before they are shown. */
export interface Challenge {
  /** The authentication scheme, in lower case: `bearer`, `dpop`, … */
  readonly scheme: string
  /** What other schemes may have instead of parameters. */
  readonly token68: string | undefined
  readonly realm: string | undefined
  /** The scope that the resource needs. */
  readonly scope: ReadonlyArray<string> | undefined
  readonly error: string | undefined
  readonly errorDescription: string | undefined
  readonly errorUri: string | undefined
  /** The algorithms that DPoP proofs may be signed with. */
  readonly algs: ReadonlyArray<string> | undefined
  /** Every parameter, its name in lower case; the first one if a name is repeated. */
  readonly parameters: Readonly<Record<string, string>>
}

/** The challenges of a header's value; several headers are joined by commas. */
export const parse = (header: string): ReadonlyArray<Challenge> => {
  const challenges: Array<Parsed> = []
  for (const [, spelled, quoted, unquoted, token68] of header.matchAll(tokens)) {
    if (spelled === undefined) continue
    const name = spelled.toLowerCase()
    const value = quoted?.replace(/\\(.)/gs, "$1") ?? unquoted
    const parameters = challenges.at(-1)?.parameters
    if (value === undefined) challenges.push({ scheme: name, token68, parameters: new Map() })
    else if (parameters?.has(name) === false) parameters.set(name, value)
  }
  return challenges.map(toChallenge)
}

/** The challenges of a response. */
export const fromResponse = (response: HttpClientResponse.HttpClientResponse): ReadonlyArray<Challenge> =>
  parse(response.headers["www-authenticate"] ?? "")

interface Parsed extends Pick<Challenge, "scheme" | "token68"> {
  readonly parameters: Map<string, string>
}

/**
 * A quoted string that belongs to no parameter, which is skipped; a parameter; or a scheme, perhaps with a token68. No
 * two parts of a repetition match the same character, so that the time is linear. A string that is not closed ends with
 * the header.
 */
const tokens =
  /"[^"\\]*(?:\\.[^"\\]*)*\\?"?|([\w!#$%&'*+.^`|~-]+)(?:[ \t]*=[ \t]*(?:"([^"\\]*(?:\\.[^"\\]*)*)\\?"?|([^\s,"]*))|[ \t]+([\w.~+/-]+=*)(?=[ \t]*(?:,|$)))?/gs

const toChallenge = ({ parameters, scheme, token68 }: Parsed): Challenge => ({
  scheme,
  token68,
  realm: parameters.get("realm"),
  scope: list(parameters.get("scope")),
  error: parameters.get("error"),
  errorDescription: parameters.get("error_description"),
  errorUri: parameters.get("error_uri"),
  algs: list(parameters.get("algs")),
  parameters: Object.fromEntries(parameters)
})

const list = (value: string | undefined): ReadonlyArray<string> | undefined =>
  value?.split(/\s/).filter((item) => item !== "")
