/** Drives the applications through the modules of a running conformance suite. */
import { X509Certificate } from "node:crypto"
import { NotificationInbox, SigningKey } from "@effect-ciba/core"
import { NodeNotificationServer } from "@effect-ciba/platform-node"
import { type Duration, Effect, Fiber, Layer, Redacted, type Schema } from "effect"
import * as CertificateAuthority from "../CertificateAuthority.ts"
import { thumbprint } from "../MutualTlsServer.ts"
import * as Application from "./Application.ts"
import { type Cell, plan, prefix } from "./Module.ts"
import type { Started, Suite, SuiteError, Verdict } from "./Suite.ts"
import * as SuiteFaults from "./SuiteFaults.ts"
import { type Variant, variants } from "./Variant.ts"

export interface Result extends Verdict {
  readonly module: string
  readonly variant: Variant
  /** How the application has ended. */
  readonly outcome: string
}

export interface Options {
  readonly suite: Suite
  /** The certificate authorities of the suite, as PEM; the system's by default. */
  readonly authorities: string | undefined
  /** The name and port by which the suite reaches the notification endpoint. */
  readonly host: string
  readonly port: number
  /** How long a module may wait after the application has ended; 20 seconds by default. */
  readonly stallAfter?: Duration.Input
  /** How long the application may go on after the module has ended; 5 seconds by default. */
  readonly settleWithin?: Duration.Input
}

const clientId = "bank-app"

/** Runs a cell: its plan is created with the first module of its variant. */
export const make = Effect.fnUntraced(function* ({
  authorities,
  host,
  port,
  settleWithin = "5 seconds",
  stallAfter = "20 seconds",
  suite
}: Options) {
  const authority = yield* CertificateAuthority.make
  const certificate = yield* authority.issue(clientId)
  const key = yield* SigningKey.generate("PS256")
  const provider = yield* SigningKey.generateJwk("PS256")
  // For Brazil the suite names a certificate of its key in the header of ID Tokens.
  const certificateThumbprint = thumbprint(new X509Certificate(certificate.certificate))
  const inbox = yield* Layer.build(Layer.provideMerge(notificationServer(certificate, port), NotificationInbox.layer))

  const configuration = (profile: Variant["profile"]): Schema.JsonObject => ({
    description: "effect-ciba",
    server: {
      jwks: {
        keys: [{ ...(Redacted.value(provider.privateJwk) as Schema.JsonObject), "x5t#S256": certificateThumbprint }]
      }
    },
    client: {
      client_id: clientId,
      scope: profile === "connectid_au" ? "openid" : "openid accounts",
      jwks: { keys: [key.publicJwk as Schema.JsonObject] },
      certificate: certificate.certificate,
      backchannel_client_notification_endpoint: `https://${host}:${port}/ciba`
    }
  })

  const createPlan = ({ authentication, delivery, profile }: Variant) =>
    suite.createPlan(
      plan,
      { client_auth_type: authentication, ciba_mode: delivery, fapi_ciba_profile: profile },
      configuration(profile)
    )
  const plans = new Map(
    yield* Effect.forEach(variants, (variant) =>
      Effect.map(Effect.cached(createPlan(variant)), (created) => [variant, created] as const)
    )
  )

  const runOnce = Effect.fnUntraced(
    function* ({ module, variant }: Cell) {
      const { id } = yield* plans.get(variant) ?? createPlan(variant)
      const started = yield* suite.start(id, prefix + module.name)
      const application = yield* Effect.forkChild(
        Application.run(variant, {
          issuer: started.exposed.issuer ?? "",
          accounts: started.exposed.accounts_endpoint ?? "",
          consents: started.exposed.consents_endpoint ?? "",
          resources: started.exposed.resource_endpoint ?? "",
          clientId,
          key,
          tls: {
            client: { certificate: certificate.certificate, privateKey: Redacted.make(certificate.privateKey) },
            authorities
          }
        })
      )
      const verdict = yield* Effect.raceFirst(
        suite.verdict(started.id),
        Effect.andThen(Fiber.await(application), Effect.delay(cancel(suite, started), stallAfter))
      )
      const outcome = yield* Effect.timeoutOrElse(Fiber.join(application), {
        duration: settleWithin,
        orElse: () => Effect.succeed("waits on")
      })
      const result: Result = { module: module.name, variant, outcome, ...verdict }
      return result
    },
    Effect.provideContext(inbox),
    Effect.scoped
  )
  return (cell: Cell) =>
    Effect.repeat(runOnce(cell), {
      while: ({ findings, module, variant }) => SuiteFaults.find(module, variant, findings)?.isRace === true,
      times: 9
    })
})

/** The suite names no certificate of its own when it calls, also not for Brazil, so none is asked for. */
const notificationServer = ({ certificate, privateKey }: CertificateAuthority.Issued, port: number) =>
  NodeNotificationServer.layer({ path: "/ciba", port, tls: { certificate, privateKey: Redacted.make(privateKey) } })

/** Ends a module that waits for a request which does not come. */
const cancel = (suite: Suite, { id }: Started): Effect.Effect<Verdict, SuiteError> =>
  Effect.as(suite.cancel(id), { result: "STALLED", findings: ["the module waits for another request"] })
