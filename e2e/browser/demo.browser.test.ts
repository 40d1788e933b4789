import { spawn } from "node:child_process"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import type { BrowserContextOptions, Page } from "playwright-core"
import { launch } from "./Browser.ts"

const main = new URL("../../examples/demo/main.ts", import.meta.url).pathname

const demo = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const exit = yield* Deferred.make<number | null>()
  const url = yield* Deferred.make<string>()
  let output = ""
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "inherit"] })),
    (child) => Effect.sync(() => child.kill())
  )
  child.once("exit", (code) => Deferred.doneUnsafe(exit, Effect.succeed(code)))
  child.stdout.on("data", (chunk) => {
    output += chunk
    const [, found] = /phone +(http:\S+)/.exec(output) ?? []
    if (found !== undefined) Deferred.doneUnsafe(url, Effect.succeed(found))
  })
  return { url: yield* Deferred.await(url), exit: Deferred.await(exit), output: () => output }
})

const open = Effect.fnUntraced(function* (url: string, options?: BrowserContextOptions) {
  const context = yield* launch(options)
  const page = yield* Effect.promise(() => context.newPage())
  const consoleMessages: Array<string> = []
  page.on("console", (message) => consoleMessages.push(message.text()))
  page.on("pageerror", (error) => consoleMessages.push(error.message))
  yield* Effect.promise(() => page.goto(url))
  return { page, consoleMessages, see: see(page) }
})

const see = (page: Page) => (text: string | RegExp) =>
  Effect.promise(() => page.getByText(text).first().waitFor({ timeout: 15_000 }))

const click = (page: Page, name: string) => Effect.promise(() => page.getByRole("button", { name }).click())

describe("the demo", () => {
  it.live("the demo prints the verified identity after an approval on the page", () =>
    Effect.gen(function* () {
      const { url, exit, output } = yield* demo("--wait")
      const { page, consoleMessages, see } = yield* open(url)
      yield* see("Harbour Books asks if it is you")
      const [, code = ""] = /code +(\S+)/.exec(output()) ?? []
      assert.strictEqual((yield* Effect.promise(() => page.locator("kbd").allTextContents())).join(""), code)
      yield* click(page, "Approve")
      yield* see("Approved")
      assert.strictEqual(yield* exit, 0)
      assert.match(output(), /approved by you, on the page[\s\S]*subject +jo\n +name +Jo Doe\n +email +jo@example\.com/)
      assert.deepStrictEqual(consoleMessages, [])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("the demo prints AccessDenied after a denial on the page", () =>
    Effect.gen(function* () {
      const { url, exit, output } = yield* demo("--wait")
      const { page, see } = yield* open(url)
      yield* see("Harbour Books asks if it is you")
      yield* click(page, "Deny")
      yield* see("Denied")
      assert.strictEqual(yield* exit, 0)
      assert.match(output(), /reason +AccessDenied/)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("the page accepts a decision without JavaScript", () =>
    Effect.gen(function* () {
      const { url, exit } = yield* demo("--wait")
      const { page, see } = yield* open(url, { javaScriptEnabled: false })
      yield* see("Harbour Books asks if it is you")
      yield* click(page, "Approve")
      yield* see("Approved")
      assert.strictEqual(yield* exit, 0)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("the demo decides by itself without a decision on the page, and the page shows that", () =>
    Effect.gen(function* () {
      const { url, exit, output } = yield* demo("--deny")
      const { consoleMessages, see } = yield* open(url)
      yield* see(/denies by itself in \d s/)
      yield* see("The page was not used")
      assert.strictEqual(yield* exit, 0)
      assert.match(output(), /denied by the demo itself/)
      assert.deepStrictEqual(consoleMessages, [])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("the demo waits for a decision once the page is touched", () =>
    Effect.gen(function* () {
      const { url, exit, output } = yield* demo("--deny")
      const { page, see } = yield* open(url)
      yield* see(/by itself in \d s/)
      yield* Effect.promise(() => page.getByRole("heading", { level: 1 }).click())
      yield* see("Take your time")
      yield* Effect.sleep("7 seconds")
      assert.notInclude(output(), "denied")
      yield* click(page, "Approve")
      yield* see("Approved")
      assert.strictEqual(yield* exit, 0)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("the page rejects a decision from another origin or with another token", () =>
    Effect.gen(function* () {
      const { url, exit } = yield* demo("--wait")
      const { page, see } = yield* open(url)
      yield* see("Harbour Books asks if it is you")
      const token = yield* Effect.promise(() => page.locator("input[name=token]").inputValue())
      const decide = (origin: string, token: string) =>
        Effect.promise(async () => {
          const body = new URLSearchParams({ token, decision: "approve" })
          return (await fetch(`${url}/decision`, { method: "POST", headers: { origin }, body })).status
        })
      assert.strictEqual(yield* decide("http://elsewhere.example", token), 403)
      assert.strictEqual(yield* decide(url, "another-token"), 403)
      assert.strictEqual(yield* decide(url, token), 200)
      assert.strictEqual(yield* exit, 0)
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
