// Keeps docs/coming-from-oauth4webapi.md complete, and true: the names of oauth4webapi, ours, and the tests.
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, resolve } from "node:path"
import { describe, expect, it } from "vitest"
import { isNode, type Node, parse, read, walk } from "../scripts/source.ts"

const root = resolve(import.meta.dirname, "..")
const page = "docs/coming-from-oauth4webapi.md"

/** What is not for the steps that this library has. The page says so in a sentence. */
const elsewhere = new Set([
  // authorization code, PKCE, PAR and JARM
  ...[
    "generateRandomCodeVerifier",
    "generateRandomState",
    "generateRandomNonce",
    "calculatePKCECodeChallenge",
    "nopkce"
  ],
  ...["authorizationCodeGrantRequest", "processAuthorizationCodeResponse", "ProcessAuthorizationCodeResponseOptions"],
  ...["expectNoNonce", "skipAuthTimeCheck", "expectNoState", "skipStateCheck"],
  ...["validateAuthResponse", "validateJwtAuthResponse", "validateDetachedSignatureResponse"],
  ...["validateCodeIdTokenResponse", "AuthorizationResponseError", "AUTHORIZATION_RESPONSE_ERROR"],
  ...["pushedAuthorizationRequest", "processPushedAuthorizationResponse", "PushedAuthorizationResponse"],
  "PushedAuthorizationRequestOptions",
  "Client.authorization_signed_response_alg",
  // the device code, client credentials and other grants
  ...["deviceAuthorizationRequest", "processDeviceAuthorizationResponse", "DeviceAuthorizationRequestOptions"],
  ...["DeviceAuthorizationResponse", "deviceCodeGrantRequest", "processDeviceCodeResponse"],
  ...["clientCredentialsGrantRequest", "processClientCredentialsResponse", "ClientCredentialsGrantRequestOptions"],
  ...["genericTokenEndpointRequest", "processGenericTokenEndpointResponse"],
  // what a resource server does, and the metadata of one
  ...["validateJwtAccessToken", "ValidateJWTAccessTokenOptions", "JWTAccessTokenClaims", "INVALID_REQUEST"],
  ...["resourceDiscoveryRequest", "processResourceDiscoveryResponse", "ResourceServer"],
  // not for users
  ...["checkProtocol", "OmitSymbolProperties"]
])

const name = (node: unknown): string | undefined =>
  isNode(node) ? String(node.name ?? node.value ?? (isNode(node.id) ? node.id.name : "")) : undefined

const declared = (program: Node): ReadonlyMap<string, Node> => {
  const found = new Map<string, Node>()
  for (const statement of Array.isArray(program.body) ? program.body.filter(isNode) : []) {
    const { declaration } = statement
    if (statement.type !== "ExportNamedDeclaration" || !isNode(declaration)) continue
    const parts = Array.isArray(declaration.declarations) ? declaration.declarations : [declaration]
    for (const part of parts.filter(isNode)) found.set(name(part.id) ?? "", declaration)
  }
  return found
}

const members = (declaration: Node): ReadonlyArray<string> => {
  const found: Array<string> = []
  walk(declaration, (node) => {
    if ((node.type === "TSPropertySignature" || node.type === "TSMethodSignature") && node.computed !== true) {
      found.push(name(node.key) ?? "")
    }
    return undefined
  })
  return found
}

/** The exports of oauth4webapi, and the members of the interfaces that a caller fills in. */
const theirs = (): ReadonlyArray<string> => {
  const path = join(dirname(createRequire(import.meta.url).resolve("oauth4webapi")), "index.d.ts")
  return [...declared(parse("index.d.ts", readFileSync(path, "utf8")).program)].flatMap(([name, declaration]) =>
    elsewhere.has(name)
      ? []
      : [
          name,
          ...(/^(?!CustomFetch).*Options$|^Client$|^DPoPHandle$/.test(name) &&
          declaration.type !== "TSTypeAliasDeclaration"
            ? members(declaration)
                .filter((member) => !elsewhere.has(`${name}.${member}`))
                .map((member) => member)
            : [])
        ]
  )
}

interface Row {
  readonly theirs: ReadonlyArray<string>
  readonly ours: ReadonlyArray<string>
  readonly tests: ReadonlyArray<readonly [title: string, path: string]>
  readonly text: string
}

const spans = (cell: string): ReadonlyArray<string> => [...cell.matchAll(/`([^`]+)`/g)].map(([, span = ""]) => span)

const rows: ReadonlyArray<Row> = readFileSync(join(root, page), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (oauth4webapi|---)/.test(line))
  .map((text) => {
    const [, left = "", ours = "", test = ""] = text.split(" | ".trim()).map((cell) => cell.trim())
    return {
      text,
      theirs: spans(left),
      ours: spans(ours),
      tests: [...test.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].map(([, title = "", path = ""]) => [title, path] as const)
    }
  })

const modules = new Map(
  [
    ...readFileSync(join(root, "packages/core/src/index.ts"), "utf8").matchAll(/export \* as (\w+) from "\.\/(.+)"/g)
  ].map(([, module = "", path = ""]) => [module, `packages/core/src/${path}`] as const)
)

/** What is wrong with a name of ours: `Module`, `Module.export` or `Module.export.member`. */
const unknown = (cited: string): string | undefined => {
  const [module = "", exported, member] = cited.split(".")
  const path = modules.get(module)
  if (path === undefined) return `there is no module ${module}`
  if (exported === undefined) return undefined
  const declaration = declared(read(root, path).program).get(exported)
  if (declaration === undefined) return `${module} has no ${exported}`
  return member === undefined || members(declaration).includes(member) ? undefined : `${exported} has no ${member}`
}

const titles = (path: string): string => {
  const found: Array<string> = []
  walk(read(root, path).program, (node) => {
    if (node.type === "Literal" && typeof node.value === "string") found.push(node.value)
    if (node.type === "TemplateElement" && isNode(node) && typeof node.value === "object" && node.value !== null) {
      found.push("cooked" in node.value ? String(node.value.cooked) : "")
    }
    return undefined
  })
  return found.join("\n")
}

describe("the tables of what oauth4webapi has", () => {
  it("have each of its exports and options that these steps have", () => {
    const listed = new Set(rows.flatMap((row) => row.theirs))
    expect(theirs().filter((name) => !listed.has(name))).toEqual([])
    expect(theirs().length).toBeGreaterThan(120)
  })

  it("have nothing that it has not", () => {
    const known = new Set(theirs())
    expect(rows.flatMap((row) => row.theirs).filter((name) => !known.has(name))).toEqual([])
  })

  it("name nothing of ours that is not there", () => {
    const cited = rows.flatMap((row) => row.ours.filter((span) => /^[A-Z]\w+(\.\w+){0,2}$/.test(span)))
    expect(cited.flatMap((span) => unknown(span) ?? [])).toEqual([])
    expect(rows.filter((row) => row.ours.length === 0).map((row) => row.text)).toEqual([])
  })

  it("cite tests that exist, one at least in each row", () => {
    expect(rows.filter((row) => row.tests.length === 0).map((row) => row.text)).toEqual([])
    const missing = rows.flatMap((row) =>
      row.tests.filter(([title, link]) => {
        const path = join("docs", link)
        return !existsSync(join(root, path)) || !titles(path).includes(title)
      })
    )
    expect(missing).toEqual([])
  })
})
