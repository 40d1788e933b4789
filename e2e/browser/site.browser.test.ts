import { existsSync } from "node:fs"
import { join, resolve } from "node:path"
import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem } from "effect"
import { launch } from "./Browser.ts"
import { findFaults, listPages, type Setting, serve } from "./Site.ts"

const site = resolve(import.meta.dirname, "../../.cache/site-dist")

const settings: ReadonlyArray<Setting> = [
  { width: 1280, colorScheme: "light" },
  { width: 1280, colorScheme: "dark" },
  { width: 390, colorScheme: "dark" },
  { width: 390, colorScheme: "light" }
]

/** All that is wrong with the pages of a folder. */
const look = Effect.fnUntraced(function* (folder: string) {
  const base = yield* serve(folder)
  const context = yield* launch()
  return yield* findFaults(context, base, listPages(folder), settings)
})

/** Ends a test that hangs. */
const timeout = 300_000

describe("the site", () => {
  it("was built, by npm run docs", () => assert.isTrue(existsSync(join(site, "index.html"))))

  it.live(
    "no page has an error, a failed request, a dead link or too much width, on phone and desktop, light and dark",
    () =>
      Effect.gen(function* () {
        assert.isAbove(listPages(site).length, 100)
        assert.deepStrictEqual(yield* look(site), [])
      }).pipe(Effect.provide(NodeServices.layer)),
    timeout
  )

  for (const { width } of settings.filter(({ colorScheme }) => colorScheme === "light")) {
    it.live(`the search leads to a guide and to an export, and says when it finds none, at ${width} px`, () =>
      Effect.gen(function* () {
        const base = yield* serve(site)
        const context = yield* launch({ viewport: { width, height: 900 } })
        const page = yield* Effect.promise(() => context.newPage())
        const search = Effect.fnUntraced(function* (words: string) {
          yield* Effect.promise(() => page.goto(`${base}/index.html`))
          yield* Effect.promise(() => page.getByRole("button", { name: "Search" }).first().click())
          yield* Effect.promise(() => page.getByRole("searchbox").fill(words))
        })
        const follow = Effect.fnUntraced(function* (words: string, path: string) {
          yield* search(words)
          yield* Effect.promise(() => page.getByRole("option").first().getByRole("link").click())
          yield* Effect.promise(() => page.waitForURL(base + path))
        })
        yield* follow("getting started", "/getting-started.html#getting-started")
        yield* follow("authenticateAll", "/api/core/Ciba.html#authenticateall")
        yield* search("xyzzy")
        yield* Effect.promise(() => page.getByText("No results").waitFor())
      }).pipe(Effect.provide(NodeServices.layer))
    )
  }

  it.live("each kind of fault is found in pages that have it", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const folder = yield* files.makeTempDirectoryScoped()
      const pages = {
        "console.html": "<script>console.error('a fault')</script>",
        "dark.html": "<script>document.documentElement.className = 'dark'</script>",
        "exception.html": "<script>throw new Error('a fault')</script>",
        "failed.html": "<img src='missing.png'>",
        "foreign.html": "<img src='http://localhost:1/a.png'>",
        "index.html":
          "<a href='/'>this</a> <a href='#here' id='here'>here</a> <a href='https://example.com/'>elsewhere</a>",
        "link.html": "<a href='missing.html'>a</a> <a href='index.html#there'>b</a> <a href='index.html#here'>c</a>",
        "wide.html": "<pre style='width: 400px'>a</pre>"
      }
      const follow = `const dark = matchMedia("(prefers-color-scheme: dark)")
dark.onchange = () => document.documentElement.classList.toggle("dark", dark.matches)`
      for (const [path, body] of Object.entries(pages)) {
        const head = `<link rel="icon" href="data:,">${path === "dark.html" ? "" : `<script>${follow}</script>`}`
        const page = `<!doctype html><html><head>${head}</head><body style="margin: 0">${body}</body></html>`
        yield* files.writeFileString(join(folder, path), page)
      }
      assert.deepStrictEqual(yield* look(folder), [
        "/console.html prints a fault",
        "/dark.html is not light",
        "/dark.html is not light",
        "/exception.html throws a fault",
        "/failed.html gets 404 for /missing.png",
        "/failed.html prints Failed to load resource: the server responded with a status of 404 (Not Found)",
        "/foreign.html asks for http://localhost:1/a.png",
        "/foreign.html prints Failed to load resource: net::ERR_UNSAFE_PORT",
        "/link.html has the dead link /missing.html",
        "/link.html has the dead link /index.html#there",
        "/wide.html is 400 px wide in a window of 390",
        "/wide.html is 400 px wide in a window of 390"
      ])
    }).pipe(Effect.provide(NodeServices.layer))
  )
})
