import { cells } from "./Cells.ts"
import * as Keycloak from "./Keycloak.ts"
import * as Trial from "./Trial.ts"

Trial.tryCells(
  Keycloak.name,
  Keycloak.layer(),
  cells.filter((cell) => !Trial.isMissing(Keycloak.missing, cell))
)
