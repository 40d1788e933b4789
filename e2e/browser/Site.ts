// A folder of static files behind a server, and what is wrong with its pages in a browser.
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import { extname, join } from "node:path"
import { Effect, Pool } from "effect"
import type { BrowserContext, Page } from "playwright-core"
import { listen } from "../Loopback.ts"

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".json": "application/json",
  ".woff2": "font/woff2"
}

/** Serves a folder until the scope closes; succeeds with its address. */
export const serve = (folder: string) => {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost")
    const file = join(folder, decodeURIComponent(pathname.replace(/\/$/, "/index.html")))
    if (!existsSync(file)) return void response.writeHead(404).end()
    response.writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream" })
    response.end(readFileSync(file))
  })
  return Effect.map(listen(server), (port) => `http://127.0.0.1:${port}`)
}

/** The paths of all pages in a folder. */
export const listPages = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((path) => path.endsWith(".html"))
    .map((path) => `/${path}`)
    .sort()

/** Little is drawn in a low window, and it is as wide as another. */
const height = 400

export interface Setting {
  readonly width: number
  readonly colorScheme: "light" | "dark"
}

interface Visited {
  readonly url: string
  readonly faults: ReadonlyArray<string>
  readonly anchors: ReadonlyArray<string>
  readonly links: ReadonlyArray<string>
}

/** What is wrong with the pages: errors, requests that fail, what is too wide, the other colours, dead links. */
export const findFaults = Effect.fnUntraced(function* (
  context: BrowserContext,
  base: string,
  paths: ReadonlyArray<string>,
  settings: ReadonlyArray<Setting>
) {
  const tabs = yield* Pool.make({ acquire: openTab(context, base), size: 2 })
  const visited = yield* Effect.forEach(
    paths,
    (path) => Effect.scoped(Effect.flatMap(Pool.get(tabs), (tab) => visit(tab, base + path, settings))),
    { concurrency: 2 }
  )
  const dead = findDead(base, visited)
  return visited.flatMap(({ faults, url }) =>
    [...faults, ...(dead.get(url) ?? [])].map((fault) => `${url.slice(base.length)} ${fault}`)
  )
})

interface Tab {
  readonly page: Page
  /** What went wrong, until a visit takes it. */
  readonly recorded: Array<string>
}

const openTab = (context: BrowserContext, base: string) =>
  Effect.acquireRelease(
    Effect.promise(async (): Promise<Tab> => {
      const page = await context.newPage()
      return { page, recorded: record(page, base) }
    }),
    ({ page }) => Effect.promise(() => page.close())
  )

/** Loads a page once, and looks at it in each setting, beginning with the one in which the page before was left. */
const visit = ({ page, recorded }: Tab, url: string, settings: ReadonlyArray<Setting>) =>
  Effect.promise(async (): Promise<Visited> => {
    await page.goto(url)
    await page.waitForFunction(isMounted)
    const linked = await page.evaluate(readLinks)
    const faults: Array<string> = []
    const isFirst = page.viewportSize()?.width === settings[0]?.width
    for (const setting of isFirst ? settings : settings.toReversed()) faults.push(...(await fit(page, setting)))
    return { ...linked, url, faults: [...recorded.splice(0), ...faults] }
  })

const fit = async (page: Page, { colorScheme, width }: Setting): Promise<ReadonlyArray<string>> => {
  if (page.viewportSize()?.width !== width) await page.setViewportSize({ width, height })
  await page.emulateMedia({ colorScheme })
  const { isDark, needed } = await page.evaluate(measure)
  return [
    ...(needed > width ? [`is ${needed} px wide in a window of ${width}`] : []),
    ...(isDark === (colorScheme === "dark") ? [] : [`is not ${colorScheme}`])
  ]
}

/** What goes wrong from now on. */
const record = (page: Page, base: string): Array<string> => {
  const faults: Array<string> = []
  page.on("pageerror", ({ message }) => faults.push(`throws ${message}`))
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(`prints ${message.text()}`)
  })
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(base))
      faults.push(`asks for ${request.url()}`)
  })
  page.on("response", (response) => {
    if (response.status() >= 400) faults.push(`gets ${response.status()} for ${response.url().slice(base.length)}`)
  })
  return faults
}

/** Runs in the page: Vue has taken over what the server sent, or there is none. */
const isMounted = (): boolean => {
  const app = document.querySelector("#app")
  return app === null || "__vue_app__" in app
}

/** Runs in the page. */
const readLinks = () => ({
  anchors: Array.from(document.querySelectorAll("[id]"), ({ id }) => id),
  links: Array.from(document.querySelectorAll("a"), ({ href }) => href)
})

/** Runs in the page, after it was drawn again. */
const measure = async () => {
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
  const { classList, scrollWidth } = document.documentElement
  return { isDark: classList.contains("dark"), needed: scrollWidth }
}

/** The dead links within the site, by the page that they are on. */
const findDead = (base: string, visited: ReadonlyArray<Visited>): ReadonlyMap<string, ReadonlyArray<string>> => {
  const anchors = new Map(visited.map((page) => [page.url, new Set(page.anchors)]))
  const isDead = (link: string): boolean => {
    const [page = "", anchor = ""] = link.split("#")
    const found = anchors.get(page.replace(/\/$/, "/index.html"))
    return found === undefined || (anchor !== "" && !found.has(decodeURIComponent(anchor)))
  }
  return new Map(
    visited.map(({ links, url }) => [
      url,
      [...new Set(links)]
        .filter((link) => link.startsWith(base) && isDead(link))
        .map((link) => `has the dead link ${link.slice(base.length)}`)
    ])
  )
}
