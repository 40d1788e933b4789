// The home page: the README, with its title and first sentence as the banner.
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { home } from "./links.ts"
import type { Page } from "./Page.ts"

export const homePage = (root: string): Page => {
  const source = "README.md"
  const [, title, sentence, rest] =
    /^# ([^\n]+)\n\n(.+?\.)\s+(.+)$/s.exec(readFileSync(join(root, source), "utf8")) ?? []
  if (title === undefined || sentence === undefined)
    throw new Error(`${source} does not begin with a title and a sentence`)
  const hero = {
    name: title,
    tagline: sentence.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("\n", " "),
    actions: [
      { theme: "brand", text: "Get started", link: "/getting-started" },
      { theme: "alt", text: "API reference", link: "/api/" },
      { theme: "alt", text: "Repository", link: home(root) }
    ]
  }
  const matter = JSON.stringify({ layout: "home", hero })
  return { source, path: "index.md", title: hero.name, text: `---\n${matter}\n---\n\n${rest}` }
}
