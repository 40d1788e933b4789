// Chromium, as Debian has it.
import { Effect, FileSystem } from "effect"
import { type BrowserContextOptions, chromium } from "playwright-core"

const { CHROMIUM_PATH: executablePath = "/usr/bin/chromium" } = process.env

const args = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync"
]

/** A browser with a profile of its own, until the scope closes. */
export const launch = Effect.fnUntraced(function* (options?: BrowserContextOptions) {
  const files = yield* FileSystem.FileSystem
  const profile = yield* files.makeTempDirectoryScoped()
  return yield* Effect.acquireRelease(
    Effect.promise(() => chromium.launchPersistentContext(profile, { ...options, executablePath, args })),
    (context) => Effect.promise(() => context.close())
  )
})
