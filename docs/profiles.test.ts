import { readFileSync } from "node:fs"
import { join } from "node:path"
import { SecurityProfile } from "@effect-ciba/core"
import { expect, it } from "vitest"

/** The tables of rules in a page: what each row is about, and the section that demands it. */
const tablesOf = (page: string) =>
  readFileSync(join(import.meta.dirname, "profiles", page), "utf8")
    .split("| about | demanded | section |\n")
    .slice(1)
    .map((text) => {
      const rows = text.slice(0, text.indexOf("\n\n")).split("\n").slice(1)
      return rows.flatMap((row) => {
        const [, about = "", , section = ""] = row.split("|").map((cell) => cell.trim())
        return Array.from(about.matchAll(/`(\w+)`/g), ([, parameter]) => `${parameter}: ${section}`)
      })
    })

const rulesOf = ({ registration, request, response }: SecurityProfile.SecurityProfile) =>
  [...registration, ...request, ...response].map(({ parameter, reference }) => `${parameter}: ${reference}`)

/** The rules of a profile beyond those of the profile that it extends. */
const listAdditions = (profile: SecurityProfile.SecurityProfile, extended: SecurityProfile.SecurityProfile) =>
  rulesOf(profile).filter((rule) => !rulesOf(extended).includes(rule))

const { camara, connectIdAu, fapi1Ciba, fapi2Ciba, openFinanceBrasil } = SecurityProfile

const pages: ReadonlyArray<readonly [page: string, rules: ReadonlyArray<ReadonlyArray<string>>]> = [
  ["fapi-ciba.md", [rulesOf(fapi1Ciba), rulesOf(fapi2Ciba)]],
  ["connectid.md", [listAdditions(connectIdAu, fapi2Ciba)]],
  ["open-finance-brasil.md", [listAdditions(openFinanceBrasil, fapi1Ciba)]],
  ["camara.md", [rulesOf(camara)]]
]

for (const [page, rules] of pages) {
  it(`the page ${page} of a profile has each of its rules, beyond those of the profile that it extends, and no other`, () => {
    expect(tablesOf(page).map((table) => table.toSorted())).toEqual(rules.map((names) => [...new Set(names)].sort()))
  })
}
