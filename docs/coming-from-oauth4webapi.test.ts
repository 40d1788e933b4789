// Keeps docs/coming-from-oauth4webapi.md complete, and true: the names of oauth4webapi, ours, and the tests.
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, resolve } from "node:path"
import * as effect from "effect"
import * as http from "effect/http"
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

const nameOf = (node: unknown): string => (isNode(node) ? String(node.name ?? node.value) : "")

/** What a module declares and exports, by name. */
const declared = (program: Node): ReadonlyMap<string, Node> => {
  const found = new Map<string, Node>()
  for (const statement of Array.isArray(program.body) ? program.body.filter(isNode) : []) {
    const { declaration } = statement
    if (statement.type !== "ExportNamedDeclaration" || !isNode(declaration)) continue
    const parts = Array.isArray(declaration.declarations) ? declaration.declarations : [declaration]
    for (const part of parts.filter(isNode)) found.set(nameOf(part.id), declaration)
  }
  return found
}

/** The members of an interface or a class's type, but for those under a symbol. */
const members = (declaration: Node): ReadonlyArray<string> => {
  const found: Array<string> = []
  walk(declaration, (node) => {
    if ((node.type === "TSPropertySignature" || node.type === "TSMethodSignature") && node.computed !== true) {
      found.push(nameOf(node.key))
    }
    return undefined
  })
  return found
}

const typings = join(dirname(createRequire(import.meta.url).resolve("oauth4webapi")), "index.d.ts")

/** Interfaces that a caller fills in, or calls. */
const filledIn = /^(?!CustomFetch).*Options$|^Client$|^DPoPHandle$/

/** The exports of oauth4webapi, and what can be said in its options, as far as these steps have them. */
const theirs = new Set(
  [...declared(parse("index.d.ts", readFileSync(typings, "utf8")).program)]
    .filter(([name]) => !elsewhere.has(name))
    .flatMap(([name, declaration]) => [
      name,
      ...(filledIn.test(name) ? members(declaration).filter((member) => !elsewhere.has(`${name}.${member}`)) : [])
    ])
)

interface Row {
  readonly theirs: ReadonlyArray<string>
  readonly ours: ReadonlyArray<string>
  readonly tests: ReadonlyArray<readonly [title: string, link: string]>
}

const spans = (cell: string): ReadonlyArray<string> => [...cell.matchAll(/`([^`]+)`/g)].map(([, span = ""]) => span)

const rows: ReadonlyArray<Row> = readFileSync(join(root, page), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (oauth4webapi|---)/.test(line))
  .map((text) => {
    const [, left = "", ours = "", test = ""] = text.split("|")
    return {
      theirs: spans(left),
      ours: spans(ours),
      tests: [...test.matchAll(/\[([^\]]+)\]\(([^)]+)\)/g)].map(([, title = "", link = ""]) => [title, link] as const)
    }
  })

const modules = new Map(
  [
    ...readFileSync(join(root, "packages/core/src/index.ts"), "utf8").matchAll(/export \* as (\w+) from "\.\/(.+)"/g)
  ].map(([, module = "", path = ""]) => [module, `packages/core/src/${path}`] as const)
)

/** The declaration of what a module exports, or exports again. */
const exportedBy = (path: string, exported: string): Node | undefined => {
  const { program } = read(root, path)
  const statements = Array.isArray(program.body) ? program.body.filter(isNode) : []
  const again = statements.find(
    ({ source, specifiers, type }) =>
      type === "ExportNamedDeclaration" &&
      isNode(source) &&
      Array.isArray(specifiers) &&
      specifiers.some((specifier) => isNode(specifier) && nameOf(specifier.exported) === exported)
  )
  return isNode(again?.source)
    ? exportedBy(join(dirname(path), String(again.source.value)), exported)
    : declared(program).get(exported)
}

const ofEffect: Readonly<Record<string, object>> = { ...effect, ...http }

/** What is wrong with a name of ours or of Effect: `Module.export` or `Module.export.member`. */
const unknown = (cited: string): string | undefined => {
  const [module = "", exported = "", member] = cited.split(".")
  const path = modules.get(module)
  if (path === undefined) return exported in (ofEffect[module] ?? {}) ? undefined : `there is no ${cited}`
  const declaration = exportedBy(path, exported)
  if (declaration === undefined) return `there is no ${cited}`
  return member === undefined || members(declaration).includes(member) ? undefined : `${exported} has no ${member}`
}

/** The texts of a test file, and of the pieces of its templates. */
const texts = (path: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  walk(read(root, path).program, (node) => {
    const text = node.type === "TemplateElement" ? Object(node.value).cooked : node.value
    if (typeof text === "string") found.push(text)
    return undefined
  })
  return found
}

const exists = (title: string, link: string): boolean => {
  const path = join("docs", link)
  return existsSync(join(root, path)) && texts(path).some((text) => text.includes(title))
}

describe("the tables of what oauth4webapi has", () => {
  it("have each of its exports and options that these steps have", () => {
    const listed = new Set(rows.flatMap((row) => row.theirs))
    expect([...theirs].filter((name) => !listed.has(name))).toEqual([])
    expect(theirs.size).toBeGreaterThan(110)
  })

  it("have nothing that it has not, and leave nothing out that it has not", () => {
    expect(rows.flatMap((row) => row.theirs).filter((name) => !theirs.has(name))).toEqual([])
    const all = declared(parse("index.d.ts", readFileSync(typings, "utf8")).program)
    expect([...elsewhere].filter((name) => !all.has(name.split(".")[0] ?? ""))).toEqual([])
  })

  it("name nothing of ours that is not there", () => {
    const cited = rows.flatMap((row) => row.ours.filter((span) => /^[A-Z]\w+(\.\w+){1,2}$/.test(span)))
    expect(cited.flatMap((span) => unknown(span) ?? [])).toEqual([])
    expect(rows.filter((row) => row.ours.length === 0)).toEqual([])
  })

  it("cite tests that exist, one at least in each row", () => {
    expect(rows.filter((row) => row.tests.length === 0)).toEqual([])
    expect(rows.flatMap((row) => row.tests.filter(([title, link]) => !exists(title, link)))).toEqual([])
  })
})
