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
  readonly description: RegExp | undefined
  /** Whether the response is decoded as this reason, though its code is that of another. */
  readonly decodes?: true
  readonly hint: string
}

/** The habits of Keycloak for one code: the descriptions of its responses, each with a hint. */
const keycloak = (
  tag: string,
  code: string,
  hints: ReadonlyArray<readonly [description: RegExp | undefined, hint: string]>,
  more?: Pick<Habit, "decodes" | "status">
): ReadonlyArray<Habit> =>
  hints.map(([description, hint]) => ({ provider: "Keycloak", tag, code, description, hint, ...more }))

/** The habits of the providers that this library was tried with. */
export const habits: ReadonlyArray<Habit> = [
  ...keycloak(
    "UnauthorizedClient",
    "unauthorized_client",
    [[undefined, "Keycloak responds so to a wrong client secret, too"]],
    { status: 401 }
  ),
  ...keycloak(
    "UnknownUserId",
    "invalid_request",
    [[/^invalid[ _]user$/i, "Keycloak responds so if the account is disabled, too"]],
    { decodes: true }
  ),
  ...keycloak("InvalidRequest", "invalid_request", [
    [/^missing parameter : \w+hint/i, "Keycloak accepts one kind of hint, login_hint by default"],
    [/^client notification token/i, "the client is registered for another delivery mode than deliveryMode says"],
    [/user code not supported/i, "Keycloak has no user codes: send none"],
    [/dpop proof is missing/i, "the client is registered for DPoP-bound tokens: provide Dpop.layer"],
    [/mtls hok/i, "the client is registered for certificate-bound tokens: configure a client certificate and mutualTls"]
  ]),
  ...keycloak("InvalidBindingMessage", "invalid_binding_message", [
    [/without spaces/i, "Keycloak accepts 1 to 50 of A-Z a-z 0-9 - . _ + / ! ? # and no space"]
  ]),
  ...keycloak("Unrecognized", "invalid_grant", [[undefined, "CIBA is not enabled for the client (OIDC CIBA Grant)"]]),
  ...keycloak("InvalidGrant", "invalid_grant", [
    [/ciba grant/i, "CIBA is not enabled for the client (OIDC CIBA Grant)"],
    [
      /not fully set up|user disabled|could not identify user/i,
      "this is about the end-user's account, not about the auth_req_id"
    ]
  ]),
  ...keycloak("ServerError", "server_error", [
    [
      /authentication (request|device)/i,
      "Keycloak could not reach its authentication channel, or the channel did not respond with 201"
    ]
  ]),
  ...keycloak("Unrecognized", "not_allowed", [
    [/offline/i, "the end-user or the client may not have offline tokens: leave out offline_access, or assign the role"]
  ])
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
