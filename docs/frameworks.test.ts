import { readFileSync, rmSync } from "node:fs"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { Ciba, ClientAuthentication, NotificationInbox, UserHint } from "@effect-ciba/core"
import { TestClient, TestProvider } from "@effect-ciba/testing"
import { Effect, Layer, ManagedRuntime } from "effect"
import { afterAll, expect, it, vi } from "vitest"
import { extract, write } from "../scripts/doc-examples.ts"

const document = readFileSync(join(import.meta.dirname, "frameworks.md"), "utf8")
const programs = write(extract("docs/frameworks.md", document).filter(({ code }) => code.includes("app/ciba/route.ts")))

afterAll(() => {
  for (const { file } of programs) rmSync(dirname(file), { recursive: true })
  vi.unstubAllGlobals()
})

const client = TestClient.clientSecretBasic({ notification: { deliveryMode: "ping", url: "https://client.test/ciba" } })

const CibaTest = Ciba.layer({
  issuer: "https://provider.test",
  clientId: client.clientId,
  authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
  deliveryMode: "ping"
}).pipe(Layer.provideMerge(NotificationInbox.layer), Layer.provideMerge(TestProvider.layer({ client })))

it("the example for Next tries a start that has failed again at the next call, and keeps one client from then on", async () => {
  const notReady: Layer.Layer<never, Error> = Layer.effectDiscard(Effect.fail(new Error("the secret cannot be read")))
  const starts: Array<string> = []
  vi.stubGlobal("makeRuntime", () => {
    starts.push(starts.length === 0 ? "failed" : "began")
    return ManagedRuntime.make(starts.length === 1 ? Layer.provideMerge(CibaTest, notReady) : CibaTest)
  })
  const [{ file } = { file: "" }] = programs
  const { POST, getClient } = await import(/* @vite-ignore */ pathToFileURL(file).href)

  await expect(POST(new Request("https://client.test/ciba"))).rejects.toThrow("the secret cannot be read")
  const { runtime } = await getClient()
  const identity = runtime.runPromise(Ciba.authenticate({ scope: ["openid"], hint: UserHint.login("jo@example.com") }))
  const provider = await runtime.runPromise(TestProvider.TestProvider)
  await vi.waitUntil(async () => (await runtime.runPromise(provider.pending)).length === 1)
  await runtime.runPromise(provider.approve())
  expect((await POST(await runtime.runPromise(provider.notification()))).status).toBe(204)
  expect((await identity).subject).toBe("jo")
  expect(starts).toEqual(["failed", "began"])
})
