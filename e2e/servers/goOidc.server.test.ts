import { cells } from "./Cells.ts"
import { fapiCells } from "./cells/certificates.ts"
import * as GoOidc from "./GoOidc.ts"
import * as Trial from "./Trial.ts"

Trial.tryCells(
  GoOidc.name,
  GoOidc.layer(),
  cells.filter((cell) => !Trial.isMissing(GoOidc.missing, cell))
)

Trial.tryCells(GoOidc.name, GoOidc.layer({ fapi: true }), fapiCells)
