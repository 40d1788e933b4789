import { expect, it } from "@effect/vitest"
import { isTransientStatus } from "../../src/http/ErrorResponse.ts"

it("a request may succeed later after a status of a server or a gateway that says so, and after no other (H9, H22)", () => {
  expect([408, 425, 429, 500, 502, 503, 504, 599].filter((status) => !isTransientStatus(status))).toEqual([])
  expect([200, 307, 400, 401, 403, 404, 409, 428, 431, 499].filter(isTransientStatus)).toEqual([])
})
