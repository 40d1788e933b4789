/**
 * The challenges of a `WWW-Authenticate` header: what a resource server says about the token that it was sent.
 *
 * **Details**
 *
 * - Several challenges may stand in one header or in several; schemes and parameter names are in any case.
 * - Whatever a server writes gives a result: what is no challenge is passed over.
 *
 * @see RFC 9110 section 11.6.1, RFC 6750 section 3, RFC 9449 section 7.1
 */
import type { HttpClientResponse } from "effect/http"

/** One challenge. Its texts are the server's: cut and clean them before they are shown. */
export interface Challenge {
  /** The authentication scheme, in lower case: `bearer`, `dpop`, … */
  readonly scheme: string
  /** What some other schemes have in place of parameters. */
  readonly token68: string | undefined
  readonly realm: string | undefined
  /** The scope that the resource needs. */
  readonly scope: ReadonlyArray<string> | undefined
  readonly error: string | undefined
  readonly errorDescription: string | undefined
  readonly errorUri: string | undefined
  /** The algorithms that DPoP proofs may be signed with. */
  readonly algs: ReadonlyArray<string> | undefined
  /** Every parameter, its name in lower case; the first one, where a name comes twice. */
  readonly parameters: Readonly<Record<string, string>>
}

/** The challenges of a header's value; header values that are joined by commas are one. */
export const parse = (header: string): ReadonlyArray<Challenge> => {
  const found: Array<Found> = []
  let at = 0

  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const taken = pattern.exec(header)?.[0]
    at += taken?.length ?? 0
    return taken
  }

  /** The rest of a quoted string; a string that nobody closes ends with the header. */
  const quoted = (): string => {
    const pieces: Array<string | undefined> = []
    do pieces.push(take(unescaped), take(escaped)?.slice(1))
    while (at < header.length && header[at] !== '"')
    at += 1
    return pieces.join("")
  }

  while (at < header.length) {
    const name = take(token)?.toLowerCase()
    if (name === undefined) {
      if (take(quote) === undefined) at += 1
      else quoted()
    } else if (take(equals) === undefined) {
      found.push({ scheme: name, token68: take(token68)?.trim(), parameters: new Map() })
    } else {
      const value = take(quote) === undefined ? take(unquoted) : quoted()
      const parameters = found.at(-1)?.parameters
      if (parameters?.has(name) === false) parameters.set(name, value ?? "")
    }
  }
  return found.map(challenge)
}

/** The challenges of a response. */
export const fromResponse = (response: HttpClientResponse.HttpClientResponse): ReadonlyArray<Challenge> =>
  parse(response.headers["www-authenticate"] ?? "")

interface Found {
  readonly scheme: string
  readonly token68: string | undefined
  readonly parameters: Map<string, string>
}

const token = /[\w!#$%&'*+.^`|~-]+/y
const equals = /[ \t]*=[ \t]*/y
const token68 = /[ \t]+[\w.~+/-]+=*(?=[ \t]*(?:,|$))/y
const quote = /"/y
const unescaped = /[^"\\]*/y
const escaped = /\\.?/sy
const unquoted = /[^\s,"]*/y

const challenge = ({ parameters, scheme, token68 }: Found): Challenge => ({
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
