// A process of a run. It is started again after a kill, and killed when the scope is closed.
import { type ChildProcess, spawn } from "node:child_process"
import { flushCompileCache } from "node:module"
import { dirname, join } from "node:path"
import { Effect, type Scope } from "effect"
import type { Configuration } from "./Settings.ts"

/** What a process sends to the one that has started it; `A` is what it reports when it is ready. */
export type Message<A> =
  | { readonly type: "ready"; readonly value: A }
  | { readonly type: "answer"; readonly value: number }
  | { readonly type: "log"; readonly value: Entry }

/** A line of a process's log. */
export interface Entry {
  readonly level: string
  readonly message: string
  readonly mode?: string
}

export const report = <A>(message: Message<A>): void => void process.send?.(message)

/** Calls back for what the process is sent, and ends with the one that has started it. */
export const listen = <A>(onOrder: (order: A) => void): void => {
  process.on("message", onOrder)
  process.on("disconnect", () => process.exit())
}

/** Node.js writes what it has compiled when a process ends by itself, and not when it is killed. */
const flushAfter = 10_000

/** Runs the program of a process that is started by another, and ends with an error if that fails. */
export const runMain = (program: Effect.Effect<never, unknown>): void => {
  setTimeout(flushCompileCache, flushAfter).unref()
  void Effect.runPromise(program).catch((error) => {
    console.error(String(error))
    process.exit(1)
  })
}

export interface Child {
  readonly name: string
  readonly send: (order: object) => void
  /** Sends, and waits for the answer. */
  readonly ask: (order: object) => Effect.Effect<number>
  readonly kill: (signal: "SIGKILL" | "SIGSTOP" | "SIGCONT") => void
  /** After a kill; done when the new process is ready. */
  readonly restart: Effect.Effect<void>
}

const fork = (program: string, configuration: Configuration): ChildProcess =>
  spawn(process.execPath, ["--expose-gc", program], {
    env: {
      ...process.env,
      MACHINE: JSON.stringify(configuration),
      NODE_COMPILE_CACHE: join(dirname(program), "compiled")
    },
    stdio: ["ignore", "inherit", "inherit", "ipc"]
  })

export interface Options<A> {
  /** The file of its program. */
  readonly program: string
  readonly configuration: Configuration
  readonly onLog?: ((entry: Entry) => void) | undefined
  /** Called whenever a process is ready, with what it has reported. */
  readonly onReady?: ((value: A) => void) | undefined
}

/** Done when the process is ready. */
export const make = Effect.fnUntraced(function* <A>({
  configuration,
  onLog = () => {},
  onReady = () => {},
  program
}: Options<A>): Effect.fn.Return<Child, never, Scope.Scope> {
  let running: ChildProcess | undefined
  let onAnswer = (_answer: number): void => {}

  const start = (resume: () => void): void => {
    let isReady = false
    const child = fork(program, configuration)
    child.on("message", (message: Message<A>) => {
      if (message.type === "log") return onLog(message.value)
      if (message.type === "answer") return onAnswer(message.value)
      isReady = true
      onReady(message.value)
      resume()
    })
    // One that cannot start is started again, as a process manager does.
    child.on("exit", (code) => {
      if (!isReady && code !== null) start(resume)
    })
    running = child
  }
  const restart = Effect.callback<void>((resume) => start(() => resume(Effect.void)))
  yield* Effect.addFinalizer(() => Effect.sync(() => running?.kill("SIGKILL")))
  yield* restart
  return {
    name: configuration.name,
    send: (order) => void running?.send(order),
    ask: (order) =>
      Effect.callback((resume) => {
        onAnswer = (answer) => resume(Effect.succeed(answer))
        running?.send(order)
      }),
    kill: (signal) => void running?.kill(signal),
    restart
  }
})
