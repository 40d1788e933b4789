/**
 * `authorization_details`: what is to be authorized, as JSON objects with a `type` that defines their other members.
 *
 * @see RFC 9396 section 2
 */
import type { Schema } from "effect"
import { sanitize } from "../internal/DisplayText.ts"
import type { ProviderMetadata } from "../provider/ProviderMetadata.ts"
import { Unsupported } from "./AuthenticationRequestError.ts"

/**
 * An object of `authorization_details`.
 *
 * @since 0.1.0
 * @stability stable
 */
export type AuthorizationDetail = Schema.JsonObject & { readonly type: string }

/**
 * What is to be authorized: at least one object. Sign the request to protect their integrity (RFC 9396 section 12).
 *
 * @since 0.1.0
 * @stability stable
 */
export type AuthorizationDetails = ReadonlyArray<AuthorizationDetail>

/** Why the details cannot be sent; `undefined` if they can. */
export const validate = (details: AuthorizationDetails): string | undefined =>
  details.length > 0 && details.every(({ type }) => typeof type === "string" && type !== "")
    ? undefined
    : "it must contain one object at least, each with a type (RFC 9396 2)"

/** The first type that is not in the provider's list, if it publishes one (RFC 9396 section 10). */
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
