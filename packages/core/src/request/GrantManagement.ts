/**
 * What becomes of the person's grant: a new one, or an older one that is added to or replaced. The grant's id comes
 * with the tokens, as `grantId` of the identity.
 *
 * **Example** (Adding to an earlier grant)
 *
 * ```ts
 * import { type AuthenticationRequest, UserHint } from "@effect-ciba/core"
 *
 * const more = (grantId: string): AuthenticationRequest.Options => ({
 *   scope: ["openid", "accounts"],
 *   hint: UserHint.login("jo@example.com"),
 *   grantManagement: { action: "merge", grantId }
 * })
 *
 * more("TSdqirmAxDa0_-DB_1bASQ").grantManagement?.action // => "merge"
 * ```
 *
 * @see Grant Management for OAuth 2.0, Authorization Request
 */

import { sanitize } from "../internal/DisplayText.ts"
import type { ProviderMetadata } from "../provider/ProviderMetadata.ts"
import { InvalidParameter, Unsupported } from "./AuthenticationRequestError.ts"
import type { Parameter } from "./RequestParameters.ts"

/** What is to be done, and with which grant. */
export type GrantManagement =
  | { readonly action: "create" }
  | { readonly action: "merge" | "replace"; readonly grantId: string }

/** What is wrong with the grant's id, if something is. */
export const validate = (grant: GrantManagement): string | undefined =>
  grant.action !== "create" && grant.grantId === "" ? "it is empty" : undefined

/** The parameters that say so. */
export const toParameters = (grant: GrantManagement | undefined): ReadonlyArray<Parameter> => {
  if (grant === undefined) return []
  const action = ["grant_management_action", grant.action] as const
  return grant.action === "create" ? [action] : [action, ["grant_id", grant.grantId]]
}

/** An action that the provider does not list, where it lists actions, or the lack of one that it demands. */
export const findUnsupported = (
  metadata: ProviderMetadata,
  grant: GrantManagement | undefined
): Unsupported | InvalidParameter | undefined => {
  const actions = metadata.grant_management_actions_supported
  if (grant === undefined) {
    return metadata.grant_management_action_required === true
      ? new InvalidParameter({
          parameter: "grant_management_action",
          problem: "the provider demands one; pass grantManagement"
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
