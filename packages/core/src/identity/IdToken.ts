/**
 * An ID Token that has not been verified. No claim can be read from it: `IdTokenVerifier` gives the claims, or refuses.
 */
import { Redacted } from "effect"
import { Opaque } from "../internal/Opaque.ts"

/** An ID Token in compact form, opaque. */
export class IdToken extends Opaque<Redacted.Redacted<string>> {}

/** Takes an ID Token as it came. */
export const make = (token: string | Redacted.Redacted<string>): IdToken =>
  new IdToken(Redacted.isRedacted(token) ? token : Redacted.make(token, { label: "id_token" }))
