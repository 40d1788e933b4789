/** The parts of a URL that requests, proofs and messages need, and form encoding. */
import { Result } from "effect"
import { Url } from "effect/http"
import { sanitize } from "../internal/DisplayText.ts"

/** The origin of a URL; `undefined` if the text is no URL. */
export const origin = (url: string): string | undefined =>
  Result.match(Url.fromString(url), { onFailure: () => undefined, onSuccess: (parsed) => parsed.origin })

/** A URL without userinfo, query and fragment: the `htu` of a DPoP proof (RFC 9449 section 4.2). */
export const stripUrl = (url: string): string =>
  url.replace(/[?#].*$/s, "").replace(/^([a-z][a-z\d+.-]*:\/\/)[^/]*@/i, "$1")

/** A URL for messages: without userinfo, query and fragment, sanitized, at most 300 characters. */
export const redactUrl = (url: string): string => sanitize(stripUrl(url), 300)

/** A text in `application/x-www-form-urlencoded` form. */
export const formEncode = (text: string): string => new URLSearchParams([["", text]]).toString().slice(1)
