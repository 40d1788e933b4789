import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { Command, Flag } from "effect/cli"
import * as Demo from "./Demo.ts"
import * as Phone from "./Phone.ts"
import * as PhoneServer from "./PhoneServer.ts"
import * as Terminal from "./Terminal.ts"

const deny = Flag.Boolean("deny").pipe(
  Flag.withDescription("Deny, instead of approve, after six seconds without a decision on the page"),
  Flag.withDefault(false)
)
const wait = Flag.Boolean("wait").pipe(Flag.withDescription("Wait for a decision on the page"), Flag.withDefault(false))

const demo = Command.make("demo", { deny, wait }, ({ deny, wait }) => {
  const autopilot = wait ? undefined : ({ decision: deny ? "deny" : "approve", seconds: 6 } as const)
  const phone = PhoneServer.layer.pipe(Layer.provideMerge(Phone.layer(autopilot)), Layer.provideMerge(Demo.server))
  return Demo.run.pipe(Effect.provide(Layer.merge(phone, Terminal.layer)))
}).pipe(Command.withDescription("A shop authenticates Jo on the phone, against a real authorization server"))

demo.pipe(Command.run({ version: "0.1.0" }), Effect.provide(NodeServices.layer), NodeRuntime.runMain)
