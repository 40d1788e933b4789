import { readFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { defineConfig } from "vitepress"
import { anchor } from "../anchors.ts"
import { home } from "../links.ts"
import type { Group, Page } from "../Page.ts"

const root = resolve(import.meta.dirname, "../..")
const pages = join(root, ".cache/site")
const { description } = JSON.parse(readFileSync(join(root, "packages/core/package.json"), "utf8"))
const groups: ReadonlyArray<Contents> = JSON.parse(readFileSync(join(pages, "contents.json"), "utf8"))

interface Contents extends Pick<Group, "title"> {
  readonly pages: ReadonlyArray<Omit<Page, "text">>
}

/** A group of many pages is closed until a reader is in it. */
const open = 12

const list = ({ pages, title }: Contents) => ({
  text: title,
  collapsed: pages.length > open,
  items: pages.map(({ path, title }) => ({ text: title, link: `/${path.replace(/\.md$/, "")}` }))
})

/** The reference has a side bar of its own, and the others a link to it. */
const isReference = ({ pages }: Contents): boolean => pages.some(({ path }) => path.startsWith("api/"))

export default defineConfig({
  title: "effect-ciba",
  description,
  lang: "en",
  srcDir: pages,
  outDir: join(root, ".cache/site-dist"),
  head: [
    [
      "link",
      {
        rel: "icon",
        href: "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><circle cx='4' cy='4' r='4' fill='%233451b2'/></svg>"
      }
    ]
  ],
  markdown: { anchor: { slugify: anchor }, attrs: false },
  router: { prefetchLinks: false },
  themeConfig: {
    nav: [
      { text: "Guide", link: "/getting-started" },
      { text: "Errors", link: "/errors" },
      { text: "API", link: "/api/" }
    ],
    sidebar: {
      "/": [...groups.filter((group) => !isReference(group)).map(list), { text: "API reference", link: "/api/" }],
      "/api/": groups.filter(isReference).map(list)
    },
    outline: [2, 3],
    search: { provider: "local" },
    socialLinks: [{ icon: "github", link: home(root) }]
  }
})
