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
