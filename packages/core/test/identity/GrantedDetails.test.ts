import { describe, expect, it } from "@effect/vitest"
import { describeDifference } from "../../src/identity/GrantedDetails.ts"

const payment = { type: "payment", amount: { currency: "EUR", value: 12.3 }, creditor: "Merchant" }

const account = { type: "account", actions: ["read", "list"], locations: ["https://a.test", "https://b.test"] }

describe("GrantedDetails.describeDifference", () => {
  const same: ReadonlyArray<readonly [what: string, granted: unknown]> = [
    ["equal ones", [payment, account]],
    ["another order of details", [account, payment]],
    [
      "another order of members",
      [{ creditor: "Merchant", amount: { value: 12.3, currency: "EUR" }, type: "payment" }, account]
    ],
    [
      "another order in RFC 9396's own lists",
      [payment, { ...account, actions: ["list", "read"], locations: ["https://b.test", "https://a.test"] }]
    ],
    ["a value twice in such a list", [payment, { ...account, actions: ["read", "list", "read"] }]],
    ["members that are null", [{ ...payment, note: null, amount: { ...payment.amount, scale: null } }, account]]
  ]
  for (const [what, granted] of same) {
    it(`finds no difference for ${what} (O9)`, () => {
      expect(describeDifference([payment, account], granted)).toBeUndefined()
    })
  }

  const different: ReadonlyArray<readonly [what: string, granted: unknown, problem: string]> = [
    ["none", undefined, "the response has none"],
    ["null", null, "the response has none"],
    ["a text", "payment", "the response has none"],
    ["an empty list", [], "payment is not granted; account is not granted"],
    ["one of two", [account], "payment is not granted"],
    ["one more", [payment, account, { type: "admin" }], "admin is not requested"],
    ["the same one twice", [payment, payment, account], "payment is not requested"],
    ["another value", [{ ...payment, creditor: "Thief" }, account], "payment differs in creditor"],
    [
      "another nested value",
      [{ ...payment, amount: { currency: "EUR", value: 12.31 } }, account],
      "payment differs in amount"
    ],
    ["a member less", [{ type: "payment", creditor: "Merchant" }, account], "payment differs in amount"],
    ["a member more", [{ ...payment, debtor: "Jo" }, account], "payment differs in debtor"],
    ["an action more", [payment, { ...account, actions: ["read", "list", "write"] }], "account differs in actions"],
    ["an action less", [payment, { ...account, actions: ["read"] }], "account differs in actions"],
    [
      "an object among actions",
      [payment, { ...account, actions: ["read", { list: true }] }],
      "account differs in actions"
    ],
    [
      "a text in the place of a number",
      [{ ...payment, amount: { currency: "EUR", value: "12.3" } }, account],
      "payment differs in amount"
    ],
    [
      "another spelling of the type",
      [{ ...payment, type: "Payment" }, account],
      "payment is not granted; Payment is not requested"
    ],
    [
      "what is no object",
      [payment, account, 1, null],
      "a detail without a type is not requested; a detail without a type is not requested"
    ]
  ]
  for (const [what, granted, problem] of different) {
    it(`names what differs for ${what} (O9)`, () => {
      expect(describeDifference([payment, account], granted)).toBe(problem)
    })
  }

  it("takes the order of a list that a type defines as meant (O9)", () => {
    const requested = [{ type: "route", stops: ["a", "b"] }]
    expect(describeDifference(requested, [{ type: "route", stops: ["b", "a"] }])).toBe("route differs in stops")
  })

  const unlike: ReadonlyArray<readonly [what: string, requested: unknown, granted: unknown]> = [
    ["a list and one with null at its end", ["a"], ["a", null]],
    ["a list and a text of its characters", ["a", "b"], "ab"],
    ["a text and a list of its characters", "ab", ["a", "b"]],
    ["a list and an object with its indices", ["a"], { 0: "a" }],
    ["an object with indices and a list", { 0: "a" }, ["a"]],
    ["lists of which one goes on", ["a", "b"], ["a", "b", "c"]],
    ["lists that have one value in common", ["a", "b"], ["a", "c"]],
    ["nested lists", [["a"]], [["b"]]],
    ["an empty object and a number", {}, 5],
    ["a number and an empty object", 5, {}],
    ["an empty list and an empty object", [], {}]
  ]
  for (const [what, requested, granted] of unlike) {
    it(`tells ${what} apart (O9)`, () => {
      const problem = describeDifference([{ type: "route", stops: requested }], [{ type: "route", stops: granted }])
      expect(problem).toBe("route differs in stops")
    })
  }

  it("takes equal lists as equal, also nested and with objects in them (O9)", () => {
    const route = { type: "route", stops: ["a", ["b"], { c: ["d"] }] }
    expect(describeDifference([route], [structuredClone(route)])).toBeUndefined()
  })

  it("tells details apart that are no objects (O9)", () => {
    expect(describeDifference([1], [2])).toMatch(/^a detail without a type differs in/)
    expect(describeDifference([1], [{}])).toMatch(/^a detail without a type differs in/)
    expect(describeDifference([1], [1])).toBeUndefined()
  })

  it("names five differences at most, of one detail and of all (O9)", () => {
    const many = Array.from({ length: 5 }, (_, index) => ({ type: `t${index}` }))
    expect(describeDifference(many, [])?.split("; ")).toHaveLength(5)
    expect(describeDifference([...many, { type: "t5" }, { type: "t6" }], [])).toMatch(/; 2 more$/)
    const members = Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`m${index}`, index]))
    expect(describeDifference([{ type: "t", ...members }], [{ type: "t" }])).toBe("t differs in m0, m1, m2, m3, m4")
  })

  it("compares with each requested detail once (O9)", () => {
    expect(describeDifference([payment, payment], [payment])).toBe("payment is not granted")
    expect(describeDifference([payment, payment], [payment, payment])).toBeUndefined()
  })

  it("shows no value, few differences, and one line of text (O9)", () => {
    const secret = { ...payment, creditor: "marker", "odd\nname": "marker", [`long${"x".repeat(500)}`]: "marker" }
    const problem = describeDifference(
      [payment],
      [secret, ...Array.from({ length: 90 }, (_, index) => ({ type: `t${index}` }))]
    )
    expect(problem).toContain("payment differs in creditor, odd name, longxxx")
    expect(problem).not.toMatch(/marker|\n/)
    expect(problem).toMatch(/; 86 more$/)
    expect(problem?.length).toBeLessThan(400)
  })
})
