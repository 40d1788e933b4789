/** The demo (`npm run demo`): runs the flow against a real authorization server, and prints its steps on the terminal. */

import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as AuthorizationServer from "@effect-ciba/authorization-server/AuthorizationServer"
import type { RecordedRequest } from "@effect-ciba/authorization-server/RecordedRequest"
import { client } from "@effect-ciba/authorization-server/RegisteredClients"
import { Clock, Effect, Layer, Schedule, Stream, SubscriptionRef } from "effect"
import { Command, Flag } from "effect/cli"
import { HttpServer } from "effect/http"
import { ciba, signIn } from "./flow.ts"
import * as Phone from "./Phone.ts"
import * as PhoneServer from "./PhoneServer.ts"
import * as Terminal from "./Terminal.ts"
import { bad, bold, dim, field, good, link, step } from "./Terminal.ts"

const shop = client("harbour-books", { client_name: "Harbour Books" })

const server = AuthorizationServer.layer({
  clients: [shop],
  expires: "2 minutes",
  interval: "2 seconds",
  configuration: { conformIdTokenClaims: false }
})

const run = Effect.gen(function* () {
  const server = yield* AuthorizationServer.AuthorizationServer
  const terminal = yield* Terminal.Terminal
  const address = yield* HttpServer.addressFormattedWith(Effect.succeed)

  yield* terminal.print(
    `\n${bold("Harbour Books authenticates a caller.")} Jo approves on the phone, without a password.\n`,
    field("provider", `${server.issuer} ${dim("oidc-provider, in this process")}`),
    field("Jo's phone", `${link(address)} ${dim("open it to decide yourself")}`)
  )
  yield* Effect.forkScoped(printPolls, { startImmediately: true })
  yield* Effect.forkScoped(printDecision, { startImmediately: true })
  yield* Effect.forkScoped(updateStatus)

  yield* terminal.print(
    step(1, "The shop sends an authentication request for Jo"),
    field("login hint", "jo@example.com")
  )
  yield* signIn("jo@example.com", (code) =>
    terminal.print(
      field("code", `${bold(code)} ${dim("the same here and on the phone")}`),
      step(2, "The phone shows the request, and the shop polls")
    )
  ).pipe(
    Effect.provide(ciba({ issuer: server.issuer, id: shop.client_id, secret: shop.client_secret })),
    Effect.flatMap((identity) =>
      terminal.print(
        step(3, good("It is Jo, and every signature and claim has been verified")),
        field("subject", identity.subject),
        ...["name", "email"].map((claim) => field(claim, String(identity.claims[claim])))
      )
    ),
    Effect.catchReasons("TokenError", {
      AccessDenied: (reason) => terminal.print(...refusal("Jo denied, which is a typed error", reason)),
      ExpiredToken: (reason) => terminal.print(...refusal("The request expired without a decision", reason))
    }),
    Effect.ensuring(terminal.status(""))
  )

  const polls = (yield* server.log).filter(isPoll)
  yield* terminal.print(field("polls", `${polls.length}`), "")
}).pipe(Effect.scoped)

const refusal = (title: string, reason: { readonly _tag: string; readonly message: string }) => [
  step(3, bad(title)),
  field("error", "TokenError"),
  field("reason", reason._tag),
  field("message", reason.message)
]

const isPoll = ({ path }: RecordedRequest) => path === "/token"

const printPolls = Effect.gen(function* () {
  const server = yield* AuthorizationServer.AuthorizationServer
  const terminal = yield* Terminal.Terminal
  const start = yield* Clock.currentTimeMillis
  yield* server.requests.pipe(
    Stream.filter(isPoll),
    Stream.zipWithIndex,
    Stream.runForEach(([poll, index]) =>
      terminal.print(
        field(`poll ${index + 1}`, `${dim(`+${((poll.at - start) / 1000).toFixed(1)} s`)}  ${poll.error ?? "tokens"}`)
      )
    )
  )
})

const printDecision = Effect.gen(function* () {
  const { screen } = yield* Phone.Phone
  const terminal = yield* Terminal.Terminal
  yield* SubscriptionRef.changes(screen).pipe(
    Stream.filter(Phone.Screen.$is("Decided")),
    Stream.runForEach(({ outcome, by }) => {
      const words = { approve: good("approved"), deny: bad("denied"), expire: bad("no decision before the expiry") }[
        outcome
      ]
      const approver = by === "end-user" ? "by you, on the page" : "by the demo itself, since the page was not used"
      return terminal.print(field("phone", outcome === "expire" ? words : `${words} ${dim(approver)}`))
    })
  )
})

const updateStatus = Effect.gen(function* () {
  const { screen } = yield* Phone.Phone
  const terminal = yield* Terminal.Terminal
  const show = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    yield* terminal.status(statusLine(yield* SubscriptionRef.get(screen), now))
  })
  yield* Effect.repeat(show, Schedule.spaced("200 millis"))
})

const statusLine = (screen: Phone.Screen, now: number): string => {
  if (!Phone.Screen.$is("Asked")(screen)) return ""
  const left = (at: number) => `${Math.max(0, Math.ceil((at - now) / 1000))} s`
  const { autopilot, request, since } = screen
  const next =
    autopilot === undefined
      ? "waits for your decision on the page"
      : `${autopilot.decision === "approve" ? "approves" : "denies"} by itself in ${left(since + autopilot.seconds * 1000)}`
  return `   ${dim("phone".padEnd(16))}${next} ${dim(`(the request expires in ${left(request.expiresAt)})`)}`
}

const deny = Flag.Boolean("deny").pipe(
  Flag.withDescription("Deny, instead of approve, after six seconds without a decision on the page"),
  Flag.withDefault(false)
)
const wait = Flag.Boolean("wait").pipe(Flag.withDescription("Wait for a decision on the page"), Flag.withDefault(false))

const demo = Command.make("demo", { deny, wait }, ({ deny, wait }) => {
  const autopilot = wait ? undefined : ({ decision: deny ? "deny" : "approve", seconds: 6 } as const)
  const phone = PhoneServer.layer.pipe(Layer.provideMerge(Phone.layer(autopilot)), Layer.provideMerge(server))
  return run.pipe(Effect.provide(Layer.merge(phone, Terminal.layer)))
}).pipe(Command.withDescription("A shop authenticates Jo on the phone, against a real authorization server"))

demo.pipe(Command.run({ version: "0.1.0" }), Effect.provide(NodeServices.layer), NodeRuntime.runMain)
