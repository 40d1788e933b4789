// Holds AGENTS.md and llms.txt of each package to the headers of its modules: fails when one is another, and writes them with --write.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join, relative, resolve } from "node:path"
import { agentPages } from "./agents-page.ts"

const root = resolve(import.meta.dirname, "..")

/** A page is read whole, beside all else that an assistant reads. */
const longest = 300

const problems = readdirSync(join(root, "packages")).flatMap((name) => {
  const folder = join(root, "packages", name)
  return Object.entries(agentPages(folder)).flatMap(([file, page]) => {
    const path = join(folder, file)
    if (process.argv.includes("--write")) writeFileSync(path, page)
    const isFresh = existsSync(path) && readFileSync(path, "utf8") === page
    return [
      ...(isFresh ? [] : [`${relative(root, path)} is not what the headers say: npm run agents -- --write`]),
      ...(page.split("\n").length <= longest ? [] : [`${relative(root, path)} has more than ${longest} lines`])
    ]
  })
})

console.log([...problems, `agents: ${problems.length} problems`].join("\n"))
process.exitCode = problems.length === 0 ? 0 : 1
