// Checks docs/coming-from-oauth4webapi.md: it has every export of oauth4webapi, and its names and tests exist.
import { existsSync, readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { dirname, join, resolve } from "node:path"
import * as effect from "effect"
import * as http from "effect/http"
import { describe, expect, it } from "vitest"
import { isNode, type Node, parse, read, walk } from "../scripts/source.ts"

const root = resolve(import.meta.dirname, "..")
const page = "docs/coming-from-oauth4webapi.md"

/** Exports for steps that are out of the library's scope. */
const outOfScope = new Set([
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
  // validation by a resource server, and its metadata
  ...["validateJwtAccessToken", "ValidateJWTAccessTokenOptions", "JWTAccessTokenClaims", "INVALID_REQUEST"],
  ...["resourceDiscoveryRequest", "processResourceDiscoveryResponse", "ResourceServer"],
  // not public API
  ...["checkProtocol", "OmitSymbolProperties"]
])

const nameOf = (node: unknown): string => (isNode(node) ? String(node.name ?? node.value) : "")

/** The exported declarations of a module, by name. */
const declarationsIn = (program: Node): ReadonlyMap<string, Node> => {
  const found = new Map<string, Node>()
  for (const statement of Array.isArray(program.body) ? program.body.filter(isNode) : []) {
    const { declaration } = statement
    if (statement.type !== "ExportNamedDeclaration" || !isNode(declaration)) continue
    const parts = Array.isArray(declaration.declarations) ? declaration.declarations : [declaration]
    for (const part of parts.filter(isNode)) found.set(nameOf(part.id), declaration)
  }
  return found
}

/** The members of an interface or of a class's type, without those under a symbol. */
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

/** Interfaces that a caller provides or calls. */
const ofCallers = /^(?!CustomFetch).*Options$|^Client$|^DPoPHandle$/

/** The exports of oauth4webapi and the members of its options, within the library's scope. */
const theirs = new Set(
  [...declarationsIn(parse("index.d.ts", readFileSync(typings, "utf8")).program)]
    .filter(([name]) => !outOfScope.has(name))
    .flatMap(([name, declaration]) => [
      name,
      ...(ofCallers.test(name) ? members(declaration).filter((member) => !outOfScope.has(`${name}.${member}`)) : [])
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

/** The declaration of an export, also of one that is re-exported. */
const findExport = (path: string, exported: string): Node | undefined => {
  const { program } = read(root, path)
  const statements = Array.isArray(program.body) ? program.body.filter(isNode) : []
  const reexport = statements.find(
    ({ source, specifiers, type }) =>
      type === "ExportNamedDeclaration" &&
      isNode(source) &&
      Array.isArray(specifiers) &&
      specifiers.some((specifier) => isNode(specifier) && nameOf(specifier.exported) === exported)
  )
  return isNode(reexport?.source)
    ? findExport(join(dirname(path), String(reexport.source.value)), exported)
    : declarationsIn(program).get(exported)
}

const ofEffect: Readonly<Record<string, object>> = { ...effect, ...http }

/** The problem of a name of ours or of Effect: `Module.export` or `Module.export.member`. */
const problemOf = (cited: string): string | undefined => {
  const [module = "", exported = "", member] = cited.split(".")
  const path = modules.get(module)
  if (path === undefined) return exported in (ofEffect[module] ?? {}) ? undefined : `there is no ${cited}`
  const declaration = findExport(path, exported)
  if (declaration === undefined) return `there is no ${cited}`
  return member === undefined || members(declaration).includes(member) ? undefined : `${exported} has no ${member}`
}

/** The strings of a test file, including the parts of its templates. */
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

describe("docs/coming-from-oauth4webapi.md", () => {
  it("the tables have each export and option of oauth4webapi that is in scope", () => {
    const listed = new Set(rows.flatMap((row) => row.theirs))
    expect([...theirs].filter((name) => !listed.has(name))).toEqual([])
    expect(theirs.size).toBeGreaterThan(110)
  })

  it("the tables, and the list of what is out of scope, have only names that oauth4webapi exports", () => {
    expect(rows.flatMap((row) => row.theirs).filter((name) => !theirs.has(name))).toEqual([])
    const all = declarationsIn(parse("index.d.ts", readFileSync(typings, "utf8")).program)
    expect([...outOfScope].filter((name) => !all.has(name.split(".")[0] ?? ""))).toEqual([])
  })

  it("each name of this library in the tables exists", () => {
    const cited = rows.flatMap((row) => row.ours.filter((span) => /^[A-Z]\w+(\.\w+){1,2}$/.test(span)))
    expect(cited.flatMap((span) => problemOf(span) ?? [])).toEqual([])
    expect(rows.filter((row) => row.ours.length === 0)).toEqual([])
  })

  it("each row of the tables cites a test, and each cited test exists", () => {
    expect(rows.filter((row) => row.tests.length === 0)).toEqual([])
    expect(rows.flatMap((row) => row.tests.filter(([title, link]) => !exists(title, link)))).toEqual([])
  })
})
