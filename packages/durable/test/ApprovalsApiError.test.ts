import * as ApprovalsApiError from "@effect-ciba/durable/ApprovalsApiError"
import { expect, it } from "vitest"

it("has a name of its own for each error of the API", () => {
  const names = Object.values(ApprovalsApiError).map(({ identifier }) => identifier)
  expect(names).toEqual(Object.keys(ApprovalsApiError))
})
