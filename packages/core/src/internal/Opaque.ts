/** A value that has not been verified: nothing can be read from it except by `unsafeValue`. */
let open: <A>(box: Opaque<A>) => A

export class Opaque<out A> {
  readonly #value: A
  constructor(value: A) {
    this.#value = value
  }
  static {
    open = (box) => box.#value
  }
}

/** The value, for the code that verifies it. */
export const unsafeValue = <A>(self: Opaque<A>): A => open(self)
