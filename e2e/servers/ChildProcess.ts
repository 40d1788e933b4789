/** A server in a process of its own, which ends with its scope. */
import type { ChildProcess } from "node:child_process"
import { Effect, type Scope } from "effect"

export const make = (spawn: () => ChildProcess): Effect.Effect<ChildProcess, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.sync(spawn), (child) =>
    Effect.callback<void>((resume) => {
      if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
      child.once("exit", () => resume(Effect.void))
      child.kill()
    })
  )

/** Waits for the first line of its output that has `text`. A process that ends before is a defect. */
export const firstLine = (child: ChildProcess, text = ""): Effect.Effect<string> =>
  Effect.callback((resume) => {
    let output = ""
    child.once("exit", (code) => resume(Effect.die(new Error(`the server ended with ${code}: ${output.slice(-2000)}`))))
    child.stdout?.on("data", (chunk) => {
      output += chunk
      const line = output
        .split("\n")
        .slice(0, -1)
        .find((line) => line.includes(text))
      if (line !== undefined) resume(Effect.succeed(line))
    })
  })
