// The page of all errors, docs/errors.md, from the error tables of packages/core.
import {
  AuthenticationRequestError,
  ClientRegistration,
  DiscoveryError,
  IdTokenError,
  PendingStore,
  SigningKey,
  TokenError
} from "@effect-ciba/core"
import { habits } from "../packages/core/src/http/ProviderHabits.ts"
import { hints, kinds } from "../packages/core/src/http/TransportError.ts"
import { type NextStep, steps } from "../packages/core/src/internal/NextStep.ts"
import { RegistrationError } from "../packages/core/src/provider/RegistrationError.ts"
import { fromChallenge, ResourceError } from "../packages/core/src/resource/ResourceError.ts"
import { UserInfoError } from "../packages/core/src/resource/UserInfoError.ts"
import { parse } from "../packages/core/src/resource/WwwAuthenticate.ts"
import { IntrospectionError } from "../packages/core/src/token/IntrospectionError.ts"

interface Explained {
  readonly identifier: string
  readonly row: readonly [sentence: string, next: NextStep]
  readonly code?: string
}

interface Stage extends Explained {
  readonly fields: { readonly reason: { readonly members: ReadonlyArray<Explained> } }
}

// The errors of an authentication that can be completed again, and those that the end-user can be asked again after.
const completed = new Set(["TokenError", "IdTokenError", "DiscoveryError"])
const asked = new Set([...completed, "AuthenticationRequestError"])

const stages: ReadonlyArray<readonly [stage: Stage, from: string, specification: string]> = [
  [
    AuthenticationRequestError.AuthenticationRequestError,
    "`Ciba.initiate`, `Ciba.authenticate`",
    "CIBA Core 1.0 section 13"
  ],
  [
    TokenError.TokenError,
    "`Ciba.complete`, `Ciba.authenticate`; `Refresh`, `TokenEndpoint`, `Revocation`",
    "CIBA Core 1.0 section 11"
  ],
  [IdTokenError.IdTokenError, "`Ciba.complete`, `Ciba.authenticate`, `Refresh`", "OpenID Connect Core 3.1.3.7"],
  [DiscoveryError.DiscoveryError, "every step", "OpenID Connect Discovery 1.0, RFC 8414"],
  [RegistrationError, "`DynamicRegistration`", "RFC 7591, RFC 7592"],
  [IntrospectionError, "`Introspection`", "RFC 7662, RFC 9701"],
  [ResourceError, "`ProtectedResource`, `UserInfo`", "RFC 6750, RFC 9449"],
  [UserInfoError, "`UserInfo`", "OpenID Connect Core 5.3"]
]

const layers: ReadonlyArray<readonly [error: Explained, from: string]> = [
  [ClientRegistration.ClientRegistrationError, "`Ciba.layer`, `ClientRegistration.make`"],
  [SigningKey.InvalidKey, "`SigningKey`, `Sealing`, `IdTokenDecryption`, `SignedRequest`"],
  [PendingStore.PendingStoreError, "`PendingStore`"]
]

const cell = (text: string): string => text.replaceAll("|", "\\|")

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map(cell).join(" | ")} |`).join("\n")

const permits = (next: NextStep, stage: string): string => {
  const { canAskAgain, canResume, needsOperator } = steps[next]
  const resume = canResume === true && completed.has(stage)
  const names = [
    ...(resume ? ["resume"] : []),
    ...(canAskAgain === true && !resume && asked.has(stage) ? ["ask again"] : []),
    ...(needsOperator === true ? ["operator"] : [])
  ]
  return names.length === 0 ? "–" : names.join(", ")
}

const explain = ([sentence, next]: Explained["row"], stage: string): ReadonlyArray<string> => [
  sentence,
  steps[next].advice,
  permits(next, stage)
]

const explanation = ["what it means", "what to do", "then"]

const challenges = ["invalid_request", "invalid_token", "insufficient_scope", "use_dpop_nonce", "invalid_dpop_proof"]

const challengeCodes = new Map(
  challenges.map((error) => {
    const { reason } = fromChallenge(parse(`Bearer error="${error}"`)[0], 401, (text) => text)
    return [reason._tag.toString(), error]
  })
)

const codeOf = (reason: Explained, stage: string): string => {
  const code = stage === "ResourceError" ? challengeCodes.get(reason.identifier) : reason.code
  return code === undefined ? "" : `\`${code}\``
}

const stageSection = ([stage, from, specification]: (typeof stages)[number]): string =>
  [
    `## ${stage.identifier}`,
    `Fails ${from} (${specification}): ${stage.row[0]}.`,
    table(
      ["reason", "error code", ...explanation],
      stage.fields.reason.members.map((reason) => [
        `\`${reason.identifier}\``,
        codeOf(reason, stage.identifier),
        ...(reason.identifier === "TransportError"
          ? ["see [TransportError](#transporterror)", "", ""]
          : explain(reason.row, stage.identifier))
      ])
    )
  ].join("\n\n")

const unavailable = "This does not work at the moment, through no fault of yours."
const unverified = "Your approval could not be verified, and was not used."

/** What the end-user may read, whose request it was. Each step has a text, since the compiler asks for it. */
const endUserTexts: Readonly<Record<NextStep, string>> = {
  wait: "Please decide on your device.",
  resume: "We are still waiting for your decision.",
  retry: "This does not work at the moment. Please try again in a few minutes.",
  fixGrant: unavailable,
  fixClient: unavailable,
  fixDiscovery: unavailable,
  fixStorage: "–",
  askForUserCode: "Please enter your user code.",
  askForIdentifier: "Your provider does not know you by this name. Please enter another one.",
  renewHint: "Please log in again.",
  changeBindingMessage: "–",
  authenticate: "Please log in again.",
  refreshTokens: "Please log in again, if the tokens cannot be refreshed.",
  askAgain: "There was no decision that counts. Would you like to be asked again?",
  respectRefusal: "You have refused. Nothing was done.",
  confirm: "We do not know what you decided. Did you approve it on your device?",
  settleGrant: "You have approved less than we asked for.",
  reportPolicy: "Your provider does not permit this.",
  fixCall: unavailable,
  fixRequest: unavailable,
  fixClock: unverified,
  fixKeys: unverified,
  distrust: unverified,
  reportToProvider: unavailable,
  lookUp: unavailable
}

const isNextStep = (name: string): name is NextStep => name in steps

const endUserRows = Object.keys(steps)
  .filter(isNextStep)
  .map((name) => [`\`${name}\``, endUserTexts[name], steps[name].advice])

const habitRows = habits.map(({ code, description, hint, provider, status, tag }) => [
  provider,
  `\`${code}\`${status === undefined ? "" : ` with ${status}`}`,
  description === undefined ? "" : `\`${description.source}\``,
  `\`${tag}\``,
  hint
])

const introduction = `# Errors

This page is made of the tables in \`packages/core/src\` (\`npm run errors -- --write\`).

Every error is a \`Schema.TaggedError\`. Those of a stage have a \`reason\` with a tag of its own:
\`Effect.catchTag("TokenError", …)\` catches all of a stage, \`Effect.catchReason("TokenError", "AccessDenied", …)\` one reason.
\`message\` is the reason's tag, a sentence and its fields; \`advice\` is the column "what to do" as text.
\`console.error\`, \`String\`, \`JSON.stringify\`, the loggers of Effect and \`Cause.pretty\` show tag, sentence and fields, and no secret.

The column "then" answers three questions: \`CibaError.canResume\` (*resume*: complete the same authentication again until it expires),
\`CibaError.canAskAgain\` (*ask again*: a new request may go to the end-user) and \`CibaError.needsOperator\` (*operator*: it stays so until an operator or a developer changes something).
What the end-user may read, for each of "what to do": [below](#what-to-tell-the-end-user).`

/** The page as Markdown. */
export const errorsPage = (): string =>
  `${[
    introduction,
    ...stages.map(stageSection),
    "## TransportError",
    "A reason of every stage: no response, or one that the protocol does not know. Its `kind` says what happened. For an authentication request, *ask again* stands in the place of *resume*, and neither if the provider may have asked the end-user (`AuthenticationRequestError.mayHaveAsked`): then check with them before you send a new request.",
    table(
      ["kind", ...explanation],
      Object.entries(kinds).map(([kind, row]) => [`\`${kind}\``, ...explain(row, "TokenError")])
    ),
    "The runtime's `code` of a connection that TLS refuses adds to the message:",
    table(
      ["code", "hint"],
      hints.map(({ codes, hint }) => [`\`${codes.source}\``, hint])
    ),
    "## Errors of layers",
    "They have no `reason`: each is its own. `parameter` or `operation`, and `problem`, say what is wrong and what to do.",
    table(
      ["error", "from", ...explanation],
      layers.map(([error, from]) => [`\`${error.identifier}\``, from, ...explain(error.row, "")])
    ),
    "## What to tell the end-user",
    "By what there is to do about the error, whose name is `error.next`. A dash is nothing: the program goes on by itself. Codes, descriptions and `message` are for the log.",
    table(["`next`", "the end-user reads, in their language", "what to do"], endUserRows),
    "## Habits of providers",
    "What a provider means by an error response, where its code says something else. The message ends with the hint.",
    table(["provider", "error code", "description", "reason", "hint"], habitRows)
  ].join("\n\n")}\n`
