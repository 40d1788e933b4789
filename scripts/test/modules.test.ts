import { join } from "node:path"
import { rolldown } from "rolldown"
import { expect, it } from "vitest"
import { annotateCalls } from "../Modules.ts"
import { plant } from "./planted.ts"

const bundle = async (text: string): Promise<string> => {
  const root = plant({ "module.ts": text })
  const built = await rolldown({ input: join(root, "module.ts"), plugins: [annotateCalls], treeshake: false })
  const { output } = await built.generate()
  return output[0].code
}

it("a call in a declaration is marked as free of effects, with each call in its arguments and its chain", async () => {
  const code = await bundle(`export const a: number = make(new Map(), other().pipe(last()))
export class B extends Service<B>()("B") {}`)
  expect(code).toContain(
    "const a = /* @__PURE__ */ make(/* @__PURE__ */ new Map(), /* @__PURE__ */ other().pipe(/* @__PURE__ */ last()))"
  )
  expect(code).toContain(`extends (/* @__PURE__ */ Service()("B"))`)
})

it("a call in a function, and one that is a statement, is not marked", async () => {
  const code = await bundle(`register(first())
if (process.argv[2]) { register(second()) }
export const a = (): number => make()
export function b(): number { return make() }
export class C { d(): number { return make() } }`)
  expect(code).toContain("register(first())")
  expect(code).not.toContain("__PURE__")
})
