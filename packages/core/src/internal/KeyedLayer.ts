/**
 * A layer that is built once for each combination of the services that it reads. Effect alone memoizes a layer by its
 * reference: provided a second time in a program, over other services, it would be what it was over the first ones.
 */
import { Effect, Layer, Predicate } from "effect"

/** Layers by the first services of a combination. */
interface Branch<L> {
  layer: L | undefined
  readonly next: WeakMap<object, Branch<L>>
  /** The branches of services that a `WeakMap` cannot have as keys. */
  readonly nextOfPrimitive: Map<unknown, Branch<L>>
}

/** One layer for each combination of these services in the context; one that is missing counts, too. */
export const make = <A, E, R>(
  services: ReadonlyArray<{ readonly key: string }>,
  layer: () => Layer.Layer<A, E, R>
): Layer.Layer<A, E, R> => {
  const root: Branch<Layer.Layer<A, E, R>> = makeBranch()
  const context = Layer.fromBuild(() => Effect.context<R>())
  return Layer.flatMap(context, ({ mapUnsafe }) => {
    const branch = services.reduce(
      (from, { key }) => follow(from, mapUnsafe.has(key) ? mapUnsafe.get(key) : missing),
      root
    )
    branch.layer ??= layer()
    return branch.layer
  })
}

const missing = {}

const makeBranch = <L>(): Branch<L> => ({ layer: undefined, next: new WeakMap(), nextOfPrimitive: new Map() })

const follow = <L>({ next, nextOfPrimitive }: Branch<L>, service: unknown): Branch<L> => {
  const known = Predicate.isObjectKeyword(service) ? next.get(service) : nextOfPrimitive.get(service)
  if (known !== undefined) return known
  const branch = makeBranch<L>()
  if (Predicate.isObjectKeyword(service)) next.set(service, branch)
  else nextOfPrimitive.set(service, branch)
  return branch
}
