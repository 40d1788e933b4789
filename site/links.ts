// The links of a document, as they lead on from its page: to another page, or to the repository's home.
import { existsSync, readFileSync, statSync } from "node:fs"
import { join, posix } from "node:path"
import type { Page } from "./Page.ts"

/** The address of the repository, as the manifests of the packages have it. */
export const home = (root: string): string => {
  const { repository } = JSON.parse(readFileSync(join(root, "packages/core/package.json"), "utf8"))
  return String(repository.url).replaceAll(/^git\+|\.git$/g, "")
}

/** Code, where brackets make no link; or the target of a link. */
const codeOrTarget = /^(`{3,})[\s\S]*?^\1|`[^`\n]*`|(?<=\]\()[^)\s]+(?=\))/gm

/** The pages, whose links lead to each other instead of to the files that they are made of. */
export const relink = (root: string, pages: ReadonlyArray<Page>): ReadonlyArray<Page> => {
  const address = home(root)
  const paths = new Map(pages.map(({ path, source }) => [source, path]))
  const lead = ({ path, source }: Page, link: string): string => {
    const [, target = "", fragment = ""] = /^([^#]*)(#.*)?$/.exec(link.replace(`${address}/blob/main/`, "/")) ?? []
    if (target === "" || /^[a-z]+:/.test(target)) return link
    const file = posix.join(target.startsWith("/") ? "." : posix.dirname(source), target).replace(/\/$/, "")
    if (!existsSync(join(root, file))) throw new Error(`${source} links to ${link}, which does not exist`)
    const page = paths.get(file) ?? paths.get(`${file}/README.md`)
    if (page !== undefined) return `${posix.relative(posix.dirname(path), page)}${fragment}`
    return `${address}/${statSync(join(root, file)).isDirectory() ? "tree" : "blob"}/main/${file}${fragment}`
  }
  return pages.map((page) => ({
    ...page,
    text: page.text.replaceAll(codeOrTarget, (found) => (found.startsWith("`") ? found : lead(page, found)))
  }))
}
