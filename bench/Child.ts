// Runs a measurement in a process of its own.
import { spawn } from "node:child_process"

/** The JSON that a script of this folder prints last. */
export const run = (script: string, ...args: ReadonlyArray<string>): Promise<unknown> =>
  new Promise((resolve, reject) => {
    const path = new URL(script, import.meta.url).pathname
    const flags = ["--expose-gc", "--max-old-space-size=6144"]
    const child = spawn(process.execPath, [...flags, path, ...args], { stdio: ["ignore", "pipe", "inherit"] })
    let output = ""
    child.stdout.on("data", (chunk) => {
      output += String(chunk)
    })
    child.on("error", reject)
    child.on("exit", (code) =>
      code === 0 ? resolve(JSON.parse(output)) : reject(new Error(`${script} ${args.join(" ")} ended with ${code}`))
    )
  })

/** The same, for output that is a record of numbers. */
export const measure = async (script: string, ...args: ReadonlyArray<string>): Promise<Record<string, number>> => {
  const result = await run(script, ...args)
  const entries = typeof result === "object" && result !== null ? Object.entries(result) : []
  return Object.fromEntries(entries.map(([name, value]) => [name, Number(value)]))
}
