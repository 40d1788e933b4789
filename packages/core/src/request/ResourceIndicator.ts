/**
 * Where tokens are to be used. The token request may name fewer resources than the authentication request.
 *
 * @see RFC 8707 section 2
 */
import type { Parameter } from "./RequestParameters.ts"

/** An absolute URI without fragment, or several. */
export type ResourceIndicator = string | ReadonlyArray<string>

/** What is wrong with a resource, if something is. */
export const validate = (resource: ResourceIndicator | undefined): string | undefined =>
  [resource ?? []].flat().every((uri) => absolute.test(uri)) ? undefined : "it must be an absolute URI without fragment"

/** The resource as a parameter; an empty list is none. */
export const toParameters = (resource: ResourceIndicator | undefined): ReadonlyArray<Parameter> =>
  resource === undefined || resource.length === 0 ? [] : [["resource", resource]]

const absolute = /^[a-z][a-z0-9+.-]*:[^#]+$/i
