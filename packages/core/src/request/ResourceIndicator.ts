/**
 * `resource`: where the tokens are to be used. A token request may name fewer resources than the authentication request.
 *
 * @see RFC 8707 section 2
 */
import type { Parameter } from "./RequestParameters.ts"

/**
 * An absolute URI without fragment, or several.
 *
 * @since 0.1.0
 * @stability stable
 */
export type ResourceIndicator = string | ReadonlyArray<string>

/** Why a resource cannot be sent; `undefined` if all can. */
export const validate = (resource: ResourceIndicator | undefined): string | undefined =>
  [resource ?? []].flat().every((uri) => absolute.test(uri)) ? undefined : "it must be an absolute URI without fragment"

/** The parameter `resource`; none for an empty list. */
export const toParameters = (resource: ResourceIndicator | undefined): ReadonlyArray<Parameter> =>
  resource === undefined || resource.length === 0 ? [] : [["resource", resource]]

const absolute = /^[a-z][a-z0-9+.-]*:[^#]+$/i
