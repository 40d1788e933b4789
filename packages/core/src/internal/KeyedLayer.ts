/**
 * A layer that is built once for each combination of the services that it reads. Effect alone memoizes a layer by its
 * reference: provided a second time in a program, over other services, it would be what it was over the first ones.
 */
import { Effect, Layer } from "effect"

/** Layers by the first services of a combination. */
interface Branch<L> {
  layer: L | undefined
  readonly next: WeakMap<object, Branch<L>>
}

/** One layer for each combination of these services in the context; one that is missing counts, too. */
export const make = <A, E, R>(
  services: ReadonlyArray<{ readonly key: string }>,
  layer: () => Layer.Layer<A, E, R>
): Layer.Layer<A, E, R> => {
  const root: Branch<Layer.Layer<A, E, R>> = { layer: undefined, next: new WeakMap() }
  const context = Layer.fromBuild(() => Effect.context<R>())
  return Layer.flatMap(context, ({ mapUnsafe }) => {
    const branch = services.reduce((from, { key }) => {
      const service: unknown = mapUnsafe.get(key)
      return follow(from, typeof service === "object" && service !== null ? service : missing)
    }, root)
    branch.layer ??= layer()
    return branch.layer
  })
}

const missing = {}

const follow = <L>({ next }: Branch<L>, service: object): Branch<L> => {
  const known = next.get(service)
  if (known !== undefined) return known
  const branch: Branch<L> = { layer: undefined, next: new WeakMap() }
  next.set(service, branch)
  return branch
}
