/**
 * Grant management: whether the request creates a grant, or extends or replaces an earlier one. The id of the grant comes
 * with the tokens, as `grantId` of the identity.
 *
 * @see Grant Management for OAuth 2.0, Authorization Request
 */
import { sanitize } from "../internal/DisplayText.ts"
import type { ProviderMetadata } from "../provider/ProviderMetadata.ts"
import { InvalidParameter, Unsupported } from "./AuthenticationRequestError.ts"
import { optional, type Parameter } from "./RequestParameters.ts"

/**
 * The action, and the grant that it changes.
 *
 * @since 0.1.0
 * @stability stable
 */
export type GrantManagement =
  | { readonly action: "create" }
  | { readonly action: "merge" | "replace"; readonly grantId: string }

/** Why the grant id cannot be sent; `undefined` if it can. */
export const validate = (grant: GrantManagement): string | undefined =>
  grant.action !== "create" && grant.grantId === "" ? "it is empty" : undefined

/** The parameters `grant_management_action` and `grant_id`. */
export const toParameters = (grant: GrantManagement | undefined): ReadonlyArray<Parameter> => [
  ...optional("grant_management_action", grant?.action),
  ...optional("grant_id", grant?.action === "create" ? undefined : grant?.grantId)
]

/** An action that is not in the provider's list, if it publishes one; or a missing action, if the provider requires one. */
export const findUnsupported = (
  metadata: ProviderMetadata,
  grant: GrantManagement | undefined
): Unsupported | InvalidParameter | undefined => {
  const actions = metadata.grant_management_actions_supported
  if (grant === undefined) {
    return metadata.grant_management_action_required === true
      ? new InvalidParameter({
          parameter: "grant_management_action",
          problem: "the provider requires one; pass grantManagement"
        })
      : undefined
  }
  return actions === undefined || actions.includes(grant.action)
    ? undefined
    : new Unsupported({
        feature: `the grant management action ${grant.action}`,
        problem: `the provider has ${actions.length === 0 ? "none" : `only ${sanitize(actions.join(", "))}`}`
      })
}
