/**
 * An end-user of the test provider: the hints that name them, and their decision on the authentication device.
 *
 * **Example** (Jo approves after twelve seconds, Ann denies, Max does not react)
 *
 * ```ts
 * import { Ciba, ClientAuthentication, UserHint } from "@effect-ciba/core"
 * import { TestClient, TestProvider, TestUser } from "@effect-ciba/testing"
 * import { Effect, Layer } from "effect"
 *
 * const CibaTest = Ciba.layer({
 *   issuer: "https://provider.test",
 *   clientId: TestClient.clientId,
 *   authentication: ClientAuthentication.clientSecretBasic(TestClient.secret)
 * }).pipe(
 *   Layer.provide(
 *     TestProvider.layer({
 *       interval: "1 second",
 *       user: [
 *         TestUser.approve({ after: "12 seconds" }),
 *         TestUser.deny({ subject: "ann", loginHint: "ann@example.com" }),
 *         { ...TestUser.ignore, subject: "max", loginHint: "max@example.com" }
 *       ]
 *     })
 *   )
 * )
 *
 * await Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("ann@example.com") }).pipe(
 *   Effect.map((identity) => identity.subject),
 *   Effect.catchReason("TokenError", "AccessDenied", () => Effect.succeed("denied")),
 *   Effect.provide(CibaTest),
 *   Effect.runPromise
 * ) // => "denied"
 * ```
 */
import { Duration } from "effect"

/**
 * One of the authorization details, as it is sent.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Detail = { readonly [member: string]: unknown }

/**
 * What the end-user approves, and how; by default what was requested, as the end-user who was asked.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Approval {
  /** The `sub` of the end-user who approves in place of the one who was asked. */
  readonly as?: string | undefined
  /** The `acr` of the ID Token; the first of the requested `acr_values` by default. */
  readonly acr?: string | undefined
  /** The `amr` of the ID Token; none by default. */
  readonly amr?: ReadonlyArray<string> | undefined
  /** The granted scope. */
  readonly scope?: ReadonlyArray<string> | undefined
  /** The granted `authorization_details` (RFC 9396), or how they follow from the requested ones. */
  readonly authorizationDetails?:
    | ReadonlyArray<Detail>
    | ((requested: ReadonlyArray<Detail>) => ReadonlyArray<Detail>)
    | undefined
}

/**
 * What the end-user does about a request, a time after its acknowledgement.
 *
 * @since 0.1.0
 * @stability unstable
 */
export type Reaction =
  | { readonly _tag: "Approve"; readonly after: Duration.Duration; readonly approval: Approval }
  | { readonly _tag: "Deny"; readonly after: Duration.Duration }
  | { readonly _tag: "Ignore" }

/**
 * An end-user.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface TestUser {
  /** The `sub` of their ID Tokens. */
  readonly subject: string
  /** The `login_hint` that names them. */
  readonly loginHint: string
  /** The `login_hint_token` that names them; none by default. */
  readonly loginHintToken?: string | undefined
  /** The `user_code` that a request for them has to contain; none by default. */
  readonly userCode?: string | undefined
  readonly reaction: Reaction
}

/**
 * The end-user, by default Jo, and how long they take.
 *
 * @since 0.1.0
 * @stability unstable
 */
export interface Options extends Partial<Omit<TestUser, "reaction">> {
  /** Time from the acknowledgement to the decision; none by default. */
  readonly after?: Duration.Input | undefined
}

/**
 * Jo, who does not react. A test decides for them with `approve` and `deny` of `TestProvider`.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const ignore: TestUser = { subject: "jo", loginHint: "jo@example.com", reaction: { _tag: "Ignore" } }

/**
 * An end-user who approves.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const approve = ({
  acr,
  after,
  amr,
  as,
  authorizationDetails,
  scope,
  ...user
}: Options & Approval = {}): TestUser => ({
  ...ignore,
  ...user,
  reaction: { _tag: "Approve", after: toDuration(after), approval: { acr, amr, as, authorizationDetails, scope } }
})

/**
 * An end-user who denies.
 *
 * @since 0.1.0
 * @stability unstable
 */
export const deny = ({ after, ...user }: Options = {}): TestUser => ({
  ...ignore,
  ...user,
  reaction: { _tag: "Deny", after: toDuration(after) }
})

const toDuration = (after: Duration.Input = 0): Duration.Duration => Duration.fromInputUnsafe(after)
