import { spawn } from "node:child_process"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, FileSystem } from "effect"
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core"

const { CHROMIUM_PATH: executablePath = "/usr/bin/chromium" } = process.env

const main = new URL("../../examples/demo/main.ts", import.meta.url).pathname

const demo = Effect.fnUntraced(function* (...args: ReadonlyArray<string>) {
  const exit = yield* Deferred.make<number | null>()
  const url = yield* Deferred.make<string>()
  let printed = ""
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "inherit"] })),
    (child) => Effect.sync(() => child.kill())
  )
  child.once("exit", (code) => Deferred.doneUnsafe(exit, Effect.succeed(code)))
  child.stdout.on("data", (chunk) => {
    printed += chunk
    const [, found] = /phone +(http:\S+)/.exec(printed) ?? []
    if (found !== undefined) Deferred.doneUnsafe(url, Effect.succeed(found))
  })
  return { url: yield* Deferred.await(url), exit: Deferred.await(exit), printed: () => printed }
})

const open = Effect.fnUntraced(function* (url: string, options?: BrowserContextOptions) {
  const files = yield* FileSystem.FileSystem
  const profile = yield* files.makeTempDirectoryScoped()
  const context = yield* Effect.acquireRelease(
    Effect.promise(() => launch(profile, options)),
    (context) => Effect.promise(() => context.close())
  )
  const page = yield* Effect.promise(() => context.newPage())
  const complaints: Array<string> = []
  page.on("console", (message) => complaints.push(message.text()))
  page.on("pageerror", (error) => complaints.push(error.message))
  yield* Effect.promise(() => page.goto(url))
  return { page, complaints, see: see(page) }
})

const launch = (profile: string, options?: BrowserContextOptions): Promise<BrowserContext> =>
  chromium.launchPersistentContext(profile, {
    ...options,
    executablePath,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync"
    ]
  })

const see = (page: Page) => (text: string | RegExp) =>
  Effect.promise(() => page.getByText(text).first().waitFor({ timeout: 15_000 }))

const click = (page: Page, name: string) => Effect.promise(() => page.getByRole("button", { name }).click())

describe("the demo", () => {
  it.live("ends with who it is, once the person approves", () =>
    Effect.gen(function* () {
      const { url, exit, printed } = yield* demo("--wait")
      const { page, complaints, see } = yield* open(url)
      yield* see("Harbour Books asks if it is you")
      const [, code = ""] = /code +(\S+)/.exec(printed()) ?? []
      assert.strictEqual((yield* Effect.promise(() => page.locator("kbd").allTextContents())).join(""), code)
      yield* click(page, "Approve")
      yield* see("Approved")
      assert.strictEqual(yield* exit, 0)
      assert.match(printed(), /approved by the person[\s\S]*subject +jo\n +name +Jo Doe\n +email +jo@example\.com/)
      assert.deepStrictEqual(complaints, [])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("ends with a typed denial, once the person denies", () =>
    Effect.gen(function* () {
      const { url, exit, printed } = yield* demo("--wait")
      const { page, see } = yield* open(url)
      yield* see("Harbour Books asks if it is you")
      yield* click(page, "Deny")
      yield* see("Denied")
      assert.strictEqual(yield* exit, 0)
      assert.match(printed(), /reason +AccessDenied/)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("takes a decision without scripts", () =>
    Effect.gen(function* () {
      const { url, exit } = yield* demo("--wait")
      const { page, see } = yield* open(url, { javaScriptEnabled: false })
      yield* see("Harbour Books asks if it is you")
      yield* click(page, "Approve")
      yield* see("Approved")
      assert.strictEqual(yield* exit, 0)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("decides by itself when nobody is there, and the page shows it", () =>
    Effect.gen(function* () {
      const { url, exit, printed } = yield* demo("--deny")
      const { complaints, see } = yield* open(url)
      yield* see(/denies by itself in \d s/)
      yield* see("Nobody touched the page")
      assert.strictEqual(yield* exit, 0)
      assert.match(printed(), /denied by the demo itself/)
      assert.deepStrictEqual(complaints, [])
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("leaves the decision to the person who touches the page", () =>
    Effect.gen(function* () {
      const { url, exit, printed } = yield* demo("--deny")
      const { page, see } = yield* open(url)
      yield* see(/by itself in \d s/)
      yield* Effect.promise(() => page.getByRole("heading", { level: 1 }).click())
      yield* see("Take your time")
      yield* Effect.sleep("7 seconds")
      assert.notInclude(printed(), "denied")
      yield* click(page, "Approve")
      yield* see("Approved")
      assert.strictEqual(yield* exit, 0)
    }).pipe(Effect.provide(NodeServices.layer))
  )

  it.live("takes no decision from elsewhere", () =>
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
      assert.strictEqual(yield* decide(url, "guessed"), 403)
      assert.strictEqual(yield* decide(url, token), 200)
      assert.strictEqual(yield* exit, 0)
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
