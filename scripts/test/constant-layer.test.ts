import { describe, expect, it } from "vitest"
import { check } from "../check-architecture.ts"
import { plant } from "./planted.ts"

const file = "packages/testing/src/A.ts"

const find = (text: string) => check(plant({ [file]: text })).filter(({ rule }) => rule === "constant-layer")

describe("a constant layer", () => {
  it.each([
    ["exported, with its type", "export const layer: Layer.Layer<A> = Layer.effect(A, make)"],
    ["exported, marked as pure", "export const layer: Layer.Layer<A> = /* @__PURE__ */ Layer.effect(A, make)"],
    ["exported, under a longer name", "export const layerMemory: Layer.Layer<A> = Layer.sync(A, () => ({}))"],
    ["exported, from something else", "export const layerTest = of(A)"],
    ["exported, named otherwise", "export const memory: Layer.Layer<A> = of(A)"],
    ["exported by name", "const layer: Layer.Layer<A> = of(A)\nexport { layer }"],
    ["private, with its type", "const base: Layer.Layer<A> = of(A)"],
    ["private, from Layer", "const base = Layer.mergeAll(a, b)"],
    ["private, through a pipe", "const base = Layer.effect(A, make).pipe(Layer.provide(b))"],
    ["of a class", "export class A { static readonly layer = Layer.effect(A, make) }"],
    ["of a class, from something else", "export class A { static readonly layer = of(A) }"],
    ["marked by satisfies", "const base = Layer.effect(A, make) satisfies Layer.Layer<A>"],
    ["of a function that is named layer", "const base = A.layer({ b: 1 })"],
    ["of such a function, through a pipe", "const base = A.layerTest().pipe(Layer.provide(b))"],
    ["from a value that is piped into Layer", "const base = of(A).pipe(Layer.provideMerge(b))"],
    ["from pipe", "const base = pipe(of(A), Layer.provide(b))"],
    ["from Layer.unwrap", "const base = Layer.unwrap(read)"],
    ["in an object", "export const layers = { memory: Layer.effect(A, make), file: 1 }"],
    ["in an array", "const layers = [1, Layer.effect(A, make)]"],
    ["on one side of a condition", "const base = isTest ? undefined : Layer.effect(A, make)"],
    ["from a function that is called at once", "const base = (() => Layer.effect(A, make))()"],
    ["in an effect that is one for every caller", "const run = program.pipe(Effect.provide(A.layer()))"],
    ["by another name of the module", 'import { Layer as L } from "effect"\nconst base = L.effect(A, make)'],
    ["by a module of its own", 'import * as L from "effect/Layer"\nexport const base: L.Layer<A> = of(A)'],
    ["by a function of the module", 'import { effect } from "effect/Layer"\nconst base = effect(A, make)'],
    ["as the default export", "export default Layer.effect(A, make)"],
    ["assigned in a static block", "class A { static b: unknown\n static { A.b = Layer.effect(A, make) } }"],
    [
      "of another module, in a function",
      'import { Http } from "http"\nexport const layer = (a: A): Layer.Layer<B> => Layer.provide(Http.layerAgent, Layer.succeed(A, a))'
    ],
    [
      "of another module, piped",
      'import { Http } from "http"\nexport const layer = (): Layer.Layer<B> => Http.layer.pipe(Layer.provide(A.layer()))'
    ],
    [
      "with a comment on something else",
      "/** Reads it. */\nexport const layer: Layer.Layer<A> = Layer.effect(A, make)"
    ],
    [
      "with a comment that shares something else",
      "/**\n * For all clients.\n * | `SECRET` | the shared secret |\n */\nexport const layer: Layer.Layer<A> = Layer.effect(A, make)"
    ],
    [
      "after another one that is shared",
      "/** Shared between clients. */\nexport const a = (): void => {}\nexport const layer: Layer.Layer<A> = of(A)"
    ]
  ])("a constant layer is found: %s", (_, text) => {
    expect(find(text)).toEqual([
      expect.objectContaining({
        problem: expect.stringContaining("Effect memoizes layers by reference"),
        mend: expect.stringMatching(/^Make it (a function|anew)/)
      })
    ])
  })

  it.each([
    ["a function", "export const layer = (): Layer.Layer<A> => Layer.effect(A, make)"],
    [
      "a function of options",
      "export const layer = (options: Options): Layer.Layer<A> => Layer.effect(A, make(options))"
    ],
    ["a written function type", "export const layer: (options: Options) => Layer.Layer<A> = make"],
    ["a function declaration", "export function layer(): Layer.Layer<A> { return Layer.effect(A, make) }"],
    [
      "a constant in a function",
      "export const a = (): Layer.Layer<A> => {\n  const base = Layer.sync(A, make)\n  return base\n}"
    ],
    ["shared", "/** An inbox that all clients share. */\nexport const layer: Layer.Layer<A> = Layer.effect(A, make)"],
    [
      "shared, over two lines",
      "/**\n * An inbox. It is shared between\n * clients, as one endpoint serves all.\n */\nconst base = Layer.effect(A, make)"
    ],
    [
      "shared, in a class",
      "export class A {\n  /** Shared between clients. */\n  static readonly layer = Layer.effect(A, make)\n}"
    ],
    ["another value", `export const layers: ReadonlyArray<string> = []\nexport const layered: string = "a"`],
    [
      "of another module, made anew",
      'import { Http } from "http"\nexport const layer = (): Layer.Layer<B> => Layer.fresh(Http.layerAgent)'
    ],
    [
      "of another module, shared",
      'import { Inbox } from "b"\n/** Shared between clients. */\nexport const layer = (): Layer.Layer<B> => Layer.provide(of(B), Inbox.layer)'
    ],
    ["of an instance", "class A { readonly layer = Layer.effect(A, make) }"],
    ["made by a function in an object", "export const layers = { memory: () => Layer.effect(A, make) }"],
    ["made by Effect.fn", `const make = Effect.fn("make")(function* () { return Layer.effect(A, b) })`],
    ["an effect from a layer", "const built = Layer.build(a)\nconst run = Layer.launch(b).pipe(Effect.scoped)"]
  ])("a layer is accepted if it is %s", (_, text) => {
    expect(find(text)).toEqual([])
  })
})

const findState = (text: string) => check(plant({ [file]: text })).filter(({ rule }) => rule === "constant-state")

describe("a constant that changes or remembers", () => {
  it.each([
    ["a map", "const clients = new Map<string, A>()"],
    ["a weak map", "const clients = new WeakMap<A, B>()"],
    ["a map in an object", "const state = { clients: new Map<string, A>() }"],
    ["a map in a static property", "export class A { static readonly clients = new Map<string, A>() }"],
    [
      "a map in a function that is called at once",
      "const find = (() => { const seen = new Set<string>(); return find })()"
    ],
    ["a semaphore", "const oneAtATime = Semaphore.makeUnsafe(1)"],
    ["a memo map", "const memoMap = Layer.makeMemoMapUnsafe()"],
    ["a runtime", "const runtime = ManagedRuntime.make(a)"],
    ["a memoized effect", "const keys = Effect.runSync(Effect.cached(fetchKeys))"],
    ["an effect that memoizes", "const keys = Effect.flatten(Effect.cachedWithTTL(fetchKeys, 1))"]
  ])("a constant that changes or remembers is found: %s", (_, text) => {
    expect(findState(text)).toEqual([
      expect.objectContaining({
        problem: expect.stringContaining("is one state for every client"),
        mend: expect.stringContaining("where the client is made")
      })
    ])
  })

  it.each([
    ["made in a function", "export const make = (): A => ({ clients: new Map<string, A>() })"],
    ["a map that has its content", `const names = new Map([["a", 1]])`],
    ["an effect that makes the state", "const make = Effect.map(Semaphore.make(1), of)"],
    ["shared", "/** The keys by their objects, shared between clients. */\nconst keys = new WeakMap<A, B>()"]
  ])("a constant is accepted if it is %s", (_, text) => {
    expect(findState(text)).toEqual([])
  })
})
