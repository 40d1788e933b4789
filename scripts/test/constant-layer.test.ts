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
        mend: expect.stringContaining("Make it a function")
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
    ["an effect from a layer", "const built = Layer.build(a)\nconst run = Layer.launch(b).pipe(Effect.scoped)"]
  ])("a layer is accepted if it is %s", (_, text) => {
    expect(find(text)).toEqual([])
  })
})
