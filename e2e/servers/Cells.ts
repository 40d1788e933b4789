/** All cells that are tried with every provider. */
import type { Cell } from "./Cell.ts"
import * as certificates from "./cells/certificates.ts"
import * as http from "./cells/http.ts"
import * as methods from "./cells/methods.ts"
import * as notifications from "./cells/notifications.ts"
import * as registration from "./cells/registration.ts"
import * as requests from "./cells/requests.ts"
import * as slowDown from "./cells/slowDown.ts"
import * as tokens from "./cells/tokens.ts"

export const cells: ReadonlyArray<Cell> = [
  ...methods.cells,
  ...certificates.cells,
  ...requests.cells,
  ...tokens.cells,
  ...notifications.cells,
  ...slowDown.cells,
  ...registration.cells,
  ...http.cells
]
