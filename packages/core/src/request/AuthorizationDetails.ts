/**
 * What exactly is to be authorized: one object for each thing, with the `type` that says what its other members mean.
 *
 * **Gotchas**
 *
 * - Where nobody may change them on their way, sign the request with `SignedRequest.layer` (RFC 9396 12).
 * - What is granted may be less, or more precise: read it from the answer, and never from the request (RFC 9396 7).
 *
 * @see RFC 9396 section 2
 */
import type { Schema } from "effect"
import { sanitize } from "../internal/DisplayText.ts"
import type { ProviderMetadata } from "../provider/ProviderMetadata.ts"
import { Unsupported } from "./AuthenticationRequestError.ts"

/** An object of `authorization_details`. */
export type AuthorizationDetail = Schema.JsonObject & { readonly type: string }

/** What is to be authorized. */
export type AuthorizationDetails = ReadonlyArray<AuthorizationDetail>

/** What is wrong with the details, if something is. */
export const validate = (details: AuthorizationDetails): string | undefined =>
  details.length > 0 && details.every(({ type }) => typeof type === "string" && type !== "")
    ? undefined
    : "it must be objects with a type, one at least (RFC 9396 2)"

/** The first type that the provider does not list, where it lists types (RFC 9396 10). */
export const findUnsupported = (
  metadata: ProviderMetadata,
  details: AuthorizationDetails | undefined
): Unsupported | undefined => {
  const types = metadata.authorization_details_types_supported
  const unlisted = details?.find(({ type }) => types?.includes(type) === false)
  return types === undefined || unlisted === undefined
    ? undefined
    : new Unsupported({
        feature: `authorization details of type ${unlisted.type}`,
        problem: `the provider has ${types.length === 0 ? "none" : `only ${sanitize(types.join(", "))}`}`
      })
}
