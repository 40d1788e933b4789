/** The examples, as the applications that a conformance run drives. */
import type { AuthenticationRequest, Ciba, NotificationInbox, SigningKey } from "@effect-ciba/core"
import { NodeTls } from "@effect-ciba/platform-node"
import { Cause, Effect, Exit, Layer, Option, Predicate } from "effect"
import * as ConnectId from "../../examples/connectid.ts"
import * as Fapi from "../../examples/fapi.ts"
import * as OpenBankingUk from "../../examples/open-banking-uk.ts"
import * as OpenFinanceBrasil from "../../examples/open-finance-brasil.ts"
import type { Variant } from "./Variant.ts"

/** The provider, and what is registered there. */
export interface World {
  readonly issuer: string
  readonly clientId: string
  readonly key: SigningKey.SigningKey
  readonly tls: NodeTls.Options
  readonly accounts: string
  readonly consents: string
  readonly resources: string
}

const consentId = "aac-1"
const cpf = "76109277673"

/** The client of a variant, with connections of its own. */
export const client = ({ authentication, delivery, profile }: Variant, { clientId, issuer, key, tls }: World) => {
  const { layer } = {
    plain_fapi: Fapi,
    openbanking_uk: OpenBankingUk,
    openbanking_brazil: OpenFinanceBrasil,
    connectid_au: ConnectId
  }[profile]
  return layer({
    issuer,
    clientId,
    key,
    authentication: authentication === "mtls" ? "tls_client_auth" : authentication,
    deliveryMode: delivery
  }).pipe(Layer.provide(NodeTls.layer(tls)))
}

/** The authentication request of a variant's application; for Brazil it is about a consent, which is created first. */
export const request = (
  { profile }: Variant,
  { consents }: World
): Effect.Effect<AuthenticationRequest.Options, unknown, Ciba.Services> => {
  if (profile === "openbanking_brazil")
    return Effect.map(OpenFinanceBrasil.createConsent(consents, cpf), OpenFinanceBrasil.request)
  if (profile === "openbanking_uk") return Effect.succeed(OpenBankingUk.request(consentId))
  return Effect.succeed(profile === "connectid_au" ? ConnectId.request : Fapi.request)
}

const program = (
  profile: Variant["profile"],
  { accounts, ...bank }: World
): Effect.Effect<unknown, unknown, Ciba.Services> => {
  if (profile === "openbanking_uk") return OpenBankingUk.readAccounts(accounts, consentId)
  if (profile === "openbanking_brazil") return OpenFinanceBrasil.readResources(bank, cpf)
  return profile === "connectid_au" ? ConnectId.verifyAge : Fapi.readAccounts(accounts)
}

/** Runs the application of a variant to its end, which is reported. */
export const run = (
  variant: Variant,
  world: World
): Effect.Effect<string, never, NotificationInbox.NotificationInbox> =>
  program(variant.profile, world).pipe(Effect.provide(client(variant, world)), Effect.exit, Effect.map(describe))

const describe: (exit: Exit.Exit<unknown, unknown>) => string = Exit.match({
  onSuccess: () => "approved",
  onFailure: (cause) =>
    Option.match(Cause.findErrorOption(cause), { onNone: () => Cause.pretty(cause), onSome: describeError })
})

const describeError = (error: unknown): string =>
  [error, Predicate.hasProperty(error, "reason") ? error.reason : undefined]
    .flatMap((part) => (Predicate.hasProperty(part, "_tag") ? [String(part._tag)] : []))
    .join(": ")
