/** A value that arrived from outside and has not been verified: nothing can be read from it but by `reveal`. */
let open: <A>(box: Untrusted<A>) => A

export class Untrusted<out A> {
  readonly #value: A
  constructor(value: A) {
    this.#value = value
  }
  static {
    open = (box) => box.#value
  }
}

/** The value inside, for the code that verifies it. */
export const reveal = <A>(self: Untrusted<A>): A => open(self)
