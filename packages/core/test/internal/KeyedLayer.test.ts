import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as KeyedLayer from "../../src/internal/KeyedLayer.ts"

class Left extends Context.Service<Left, { readonly name: string }>()("test/Left") {}
class Right extends Context.Service<Right, { readonly name: string }>()("test/Right") {}
class Made extends Context.Service<Made, { readonly of: string }>()("test/Made") {}

/** A layer over both, and what it has acquired and released. */
const observe = () => {
  const log: Array<string> = []
  const layer = KeyedLayer.make([Left, Right], () =>
    Layer.effect(
      Made,
      Effect.gen(function* () {
        const left = yield* Left
        const right = yield* Effect.serviceOption(Right)
        const of = `${left.name} ${right._tag === "Some" ? right.value.name : "none"}`
        yield* Effect.acquireRelease(
          Effect.sync(() => void log.push(`acquire ${of}`)),
          () => Effect.sync(() => void log.push(`release ${of}`))
        )
        return { of }
      })
    )
  )
  return { layer, log }
}

const [a, b] = [Layer.succeed(Left, { name: "a" }), Layer.succeed(Left, { name: "b" })]
const [x, y] = [Layer.succeed(Right, { name: "x" }), Layer.succeed(Right, { name: "y" })]

/** What each of these layers provides inside those before it. */
const provideEach = (layers: ReadonlyArray<Layer.Layer<Made>>): Effect.Effect<ReadonlyArray<Made["Service"]>> =>
  layers.reduceRight<Effect.Effect<ReadonlyArray<Made["Service"]>>>(
    (inner, layer) =>
      Effect.flatMap(Made.use(Effect.succeed), (made) => Effect.map(inner, (rest) => [made, ...rest])).pipe(
        Effect.provide(layer)
      ),
    Effect.succeed([])
  )

describe("a keyed layer", () => {
  it.effect("is built once for each combination of its services, and released with the last use", () =>
    Effect.gen(function* () {
      const { layer, log } = observe()
      const over = [
        Layer.provide(layer, a),
        Layer.provide(layer, b),
        Layer.provide(layer, [a, x]),
        Layer.provide(layer, [a, y]),
        Layer.provide(layer, [b, y])
      ]
      const made = yield* provideEach([...over, ...over])
      assert.deepStrictEqual(
        made.map(({ of }) => of),
        ["a none", "b none", "a x", "a y", "b y", "a none", "b none", "a x", "a y", "b y"]
      )
      assert.deepStrictEqual(made.slice(0, 5), made.slice(5))
      assert.deepStrictEqual(log, [
        ...["a none", "b none", "a x", "a y", "b y"].map((of) => `acquire ${of}`),
        ...["b y", "a y", "a x", "b none", "a none"].map((of) => `release ${of}`)
      ])
    })
  )

  it.effect("is built once for each service that is a function, a Proxy of one or a primitive, and once for none", () =>
    Effect.gen(function* () {
      const Any = Context.Service<unknown>("test/Any")
      const layer = KeyedLayer.make([Any], () => Layer.sync(Made, () => ({ of: "any" })))
      const functions = [() => "a", () => "b"]
      const services = [...functions, ...functions.map((one) => new Proxy(one, {})), "text", 1, undefined, null, {}]
      const over = [Layer.empty, ...services.map((service) => Layer.succeed(Any, service))]
      const made = yield* provideEach([...over, ...over].map((one) => Layer.provide(layer, one)))
      assert.strictEqual(new Set(made).size, over.length)
      assert.isTrue(over.every((_, index) => made[index] === made[index + over.length]))
    })
  )

  it.effect("is another one for each call, over the same services, too", () =>
    Effect.gen(function* () {
      const [one, other] = [observe(), observe()]
      yield* provideEach([Layer.provide(one.layer, a), Layer.provide(other.layer, a)])
      assert.deepStrictEqual(one.log, ["acquire a none", "release a none"])
      assert.deepStrictEqual(other.log, ["acquire a none", "release a none"])
    })
  )
})
