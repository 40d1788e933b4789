/**
 * Open Banking UK: FAPI-CIBA about a consent. The id of the consent is sent as `openbanking-intent-id`; the profile here
 * refuses a request without it, whose access token would be bound to no consent. The client is that of `fapi.ts`.
 */
import { type AuthenticationRequest, SecurityProfile, UserHint } from "@effect-ciba/core"
import { Console, Effect, Layer } from "effect"
import * as Fapi from "./fapi.ts"

const intent = "openbanking-intent-id"

const profile = SecurityProfile.extend(SecurityProfile.fapi1Ciba, {
  name: "Open Banking UK",
  request: [
    {
      reference: "Read/Write Data API Profile, identifying the consent to be authorised",
      parameter: intent,
      problem: ({ parameters }) => (intent in parameters ? undefined : "create a consent, and send its id")
    }
  ]
})

export const layer = (settings: Fapi.Settings) => Fapi.layer(settings, profile)

export const request = (consentId: string): AuthenticationRequest.Options => ({
  scope: ["openid", "accounts"],
  hint: UserHint.login("jo@example.com"),
  bindingMessage: "W4SCT",
  extensionParameters: { [intent]: consentId }
})

/** Asks the end-user to authorise the consent, and reads the accounts. */
export const readAccounts = (accounts: string, consentId: string) => Fapi.readAccounts(accounts, request(consentId))

const program = Effect.gen(function* () {
  const { provider, settings } = yield* Fapi.makeTrial()
  const { status, subject } = yield* readAccounts(Fapi.accountsInMemory, "aac-1").pipe(
    Effect.provide(Layer.provide(layer(settings), provider))
  )
  yield* Console.log(`${subject} authorised the consent; the accounts come with status ${status}.`)
})

if (process.argv[1] === import.meta.filename) await Effect.runPromise(program)
