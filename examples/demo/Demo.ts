/** Tells on the terminal what happens while the shop asks and the phone rings. */
import { Clock, Effect, Schedule, Stream, SubscriptionRef } from "effect"
import { HttpServer } from "effect/http"
import * as AuthorizationServer from "../../e2e/AuthorizationServer.ts"
import type { Exchange } from "../../e2e/Exchange.ts"
import { client } from "../../e2e/RegisteredClients.ts"
import { ciba, signIn } from "./flow.ts"
import { Phone, Screen } from "./Phone.ts"
import { bad, bold, dim, field, good, link, step, Terminal } from "./Terminal.ts"

const shop = client("harbour-books", { client_name: "Harbour Books" })

export const server = AuthorizationServer.layer({
  clients: [shop],
  expires: "2 minutes",
  interval: "2 seconds",
  configuration: { conformIdTokenClaims: false }
})

export const run = Effect.gen(function* () {
  const server = yield* AuthorizationServer.AuthorizationServer
  const terminal = yield* Terminal
  const address = yield* HttpServer.addressFormattedWith(Effect.succeed)

  yield* terminal.print(
    `\n${bold("Harbour Books wants to know who is calling.")} Jo is asked on the phone, and nobody types a password.\n`,
    field("provider", `${server.issuer} ${dim("oidc-provider, in this process")}`),
    field("Jo's phone", `${link(address)} ${dim("open it to decide yourself")}`)
  )
  yield* Effect.forkScoped(tellPolls, { startImmediately: true })
  yield* Effect.forkScoped(tellDecision, { startImmediately: true })
  yield* Effect.forkScoped(countDown)

  yield* terminal.print(step(1, "The shop asks for Jo"), field("login hint", "jo@example.com"))
  yield* signIn("jo@example.com", (code) =>
    terminal.print(
      field("code", `${bold(code)} ${dim("the same here and on the phone")}`),
      step(2, "The phone rings, and the shop waits")
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
      AccessDenied: (reason) => terminal.print(...refusal("Jo said no, and the program got a typed error", reason)),
      ExpiredToken: (reason) => terminal.print(...refusal("Nobody answered in time", reason))
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

const isPoll = ({ path }: Exchange) => path === "/token"

const tellPolls = Effect.gen(function* () {
  const server = yield* AuthorizationServer.AuthorizationServer
  const terminal = yield* Terminal
  const start = yield* Clock.currentTimeMillis
  yield* server.exchanges.pipe(
    Stream.filter(isPoll),
    Stream.zipWithIndex,
    Stream.runForEach(([poll, index]) =>
      terminal.print(
        field(`poll ${index + 1}`, `${dim(`+${((poll.at - start) / 1000).toFixed(1)} s`)}  ${poll.error ?? "tokens"}`)
      )
    )
  )
})

const tellDecision = Effect.gen(function* () {
  const { screen } = yield* Phone
  const terminal = yield* Terminal
  yield* SubscriptionRef.changes(screen).pipe(
    Stream.filter(Screen.$is("Decided")),
    Stream.runForEach(({ outcome, by }) => {
      const words = { approve: good("approved"), deny: bad("denied"), expire: bad("nobody decided in time") }[outcome]
      const who = by === "person" ? "by the person" : "by the demo itself, as nobody touched the page"
      return terminal.print(field("phone", outcome === "expire" ? words : `${words} ${dim(who)}`))
    })
  )
})

const countDown = Effect.gen(function* () {
  const { screen } = yield* Phone
  const terminal = yield* Terminal
  const show = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    yield* terminal.status(statusLine(yield* SubscriptionRef.get(screen), now))
  })
  yield* Effect.repeat(show, Schedule.spaced("200 millis"))
})

const statusLine = (screen: Screen, now: number): string => {
  if (!Screen.$is("Asked")(screen)) return ""
  const left = (at: number) => `${Math.max(0, Math.ceil((at - now) / 1000))} s`
  const { autopilot, request, since } = screen
  const itself =
    autopilot === undefined
      ? "waits for the person"
      : `${autopilot.decision === "approve" ? "approves" : "denies"} by itself in ${left(since + autopilot.seconds * 1000)}`
  return `   ${dim("phone".padEnd(16))}${itself} ${dim(`(the request ends in ${left(request.expiresAt)})`)}`
}
