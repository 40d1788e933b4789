// Builds the packages as they are published; nothing of an earlier build stays.
import { execFileSync } from "node:child_process"
import { readdirSync, rmSync } from "node:fs"
import { join, resolve } from "node:path"
import * as Modules from "./Modules.ts"

const cwd = resolve(import.meta.dirname, "../packages")
const names = readdirSync(cwd)

for (const name of names) rmSync(join(cwd, name, "dist"), { force: true, recursive: true })
execFileSync("tsc", ["-b", ...names], { cwd, stdio: "inherit" })
await Modules.write()
