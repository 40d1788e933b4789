/**
 * What providers mean by error responses that say something else: a table. The reason for an error shows the hint of the
 * row that matches it after its message.
 */

/** A provider's habit. */
export interface Habit {
  readonly provider: string
  /** The reason that shows the hint. */
  readonly tag: string
  readonly code: string
  readonly status?: number
  readonly description?: RegExp
  /** Whether the response is decoded as this reason, though its code is that of another. */
  readonly decodes?: true
  readonly hint: string
}

type Match = Pick<Habit, "code" | "description" | "status">

const keycloak = (tag: string, { code, ...match }: Match, hint: string, decodes?: true): Habit => ({
  provider: "Keycloak",
  tag,
  code,
  ...match,
  hint,
  ...(decodes === undefined ? undefined : { decodes })
})

const invalidRequest = (description: RegExp, hint: string): Habit =>
  keycloak("InvalidRequest", { code: "invalid_request", description }, hint)

/** The habits of the providers that this library was tried with. */
export const habits: ReadonlyArray<Habit> = [
  keycloak(
    "UnauthorizedClient",
    { code: "unauthorized_client", status: 401 },
    "Keycloak responds so to a wrong client secret, too"
  ),
  keycloak(
    "UnknownUserId",
    { code: "invalid_request", description: /^invalid[ _]user$/i },
    "Keycloak responds so if the account is disabled, too",
    true
  ),
  invalidRequest(/^missing parameter : \w+hint/i, "Keycloak accepts one kind of hint, login_hint by default"),
  invalidRequest(
    /^client notification token/i,
    "the client is registered for another delivery mode than deliveryMode says"
  ),
  invalidRequest(/user code not supported/i, "Keycloak has no user codes: send none"),
  invalidRequest(/dpop proof is missing/i, "the client is registered for DPoP-bound tokens: provide Dpop.layer"),
  invalidRequest(
    /mtls hok/i,
    "the client is registered for certificate-bound tokens: configure a client certificate and mutualTls"
  ),
  keycloak(
    "InvalidBindingMessage",
    { code: "invalid_binding_message", description: /without spaces/i },
    "Keycloak accepts 1 to 50 of A-Z a-z 0-9 - . _ + / ! ? # and no space"
  ),
  keycloak("Unrecognized", { code: "invalid_grant" }, "CIBA is not enabled for the client (OIDC CIBA Grant)"),
  keycloak(
    "InvalidGrant",
    { code: "invalid_grant", description: /ciba grant/i },
    "CIBA is not enabled for the client (OIDC CIBA Grant)"
  ),
  keycloak(
    "InvalidGrant",
    { code: "invalid_grant", description: /not fully set up|user disabled|could not identify user/i },
    "this is about the end-user's account, not about the auth_req_id"
  ),
  keycloak(
    "ServerError",
    { code: "server_error", description: /authentication (request|device)/i },
    "Keycloak could not reach its authentication channel, or the channel did not respond with 201"
  ),
  keycloak(
    "Unrecognized",
    { code: "not_allowed", description: /offline/i },
    "the end-user or the client may not have offline tokens: leave out offline_access, or assign the role"
  )
]

type Response = { readonly code: string; readonly status: number; readonly description?: string }

const matches = (habit: Habit, { code, description, status }: Response): boolean =>
  habit.code === code &&
  (habit.status === undefined || habit.status === status) &&
  (habit.description === undefined || (description !== undefined && habit.description.test(description)))

/** The hint for a reason. */
export const findHint = (tag: string, response: Response): string | undefined =>
  habits.find((habit) => habit.tag === tag && matches(habit, response))?.hint

/** The tag of the reason that a response is decoded as, if it is not that of its code. */
export const findTag = (response: Response): string | undefined =>
  habits.find((habit) => habit.decodes === true && matches(habit, response))?.tag
