// Who may import whom: between packages, between the rooms of core, and from outside.
import { isBuiltin } from "node:module"
import { posix } from "node:path"
import { at, type Finding } from "../Finding.ts"
import { findAll, moduleOf, type Node, type Source } from "../source.ts"

const packages: Record<string, ReadonlyArray<string>> = {
  core: [],
  durable: ["core"],
  "platform-node": ["core"],
  testing: ["core"],
  cli: ["core", "platform-node"]
}

const onNode = new Set(["durable", "platform-node", "cli"])

// The rooms of core in the order of the protocol: each imports itself, internal and these, which all stand above it.
const rooms: Record<string, ReadonlyArray<string>> = {
  internal: [],
  crypto: [],
  http: ["crypto"],
  profile: ["crypto", "http"],
  client: ["crypto", "http", "profile"],
  provider: ["crypto", "http", "profile", "client"],
  pending: ["crypto", "http", "client"],
  request: ["crypto", "http", "profile", "client", "provider", "pending"],
  token: ["crypto", "http", "profile", "client", "provider", "pending", "request"],
  notification: ["crypto", "http", "pending"],
  wait: ["crypto", "http", "profile", "client", "provider", "pending", "request", "token", "notification"],
  identity: ["crypto", "profile", "client", "provider", "pending", "token"],
  resource: ["crypto", "http", "client", "provider", "identity"]
}

interface Import {
  readonly node: Node
  readonly from: string
}

const imports = (source: Source): ReadonlyArray<Import> =>
  findAll(source.program, (node) => {
    const from = moduleOf(node.type === "TSExternalModuleReference" ? { ...node, source: node.expression } : node)
    return from === undefined ? undefined : { node, from }
  })

const packageOf = (path: string): string => path.split("/")[1] ?? ""

const roomOf = (path: string): string | undefined => {
  const [, , , folder, file] = path.split("/")
  return file === undefined ? undefined : folder
}

const isIndex = (path: string): boolean => path.endsWith("/index.ts")

const resolve = (source: Source, from: string): string => posix.join(posix.dirname(source.path), from)

const outward = (source: Source, { from, node }: Import): ReadonlyArray<Finding> => {
  const own = packageOf(source.path)
  const below = packages[own] ?? []
  const findings: Array<Finding> = []
  const add = (rule: string, problem: string, mend: string) => findings.push(at(source, node, rule, problem, mend))
  const scoped = /^@effect-ciba\/([^/]+)/.exec(from)?.[1]
  if (scoped !== undefined && !below.includes(scoped)) {
    add(
      "package-direction",
      `${own} imports @effect-ciba/${scoped}`,
      `${own} may import: ${below.join(", ") || "none"}`
    )
  }
  if (from.startsWith(".") && !resolve(source, from).startsWith(`packages/${own}/src/`)) {
    add("package-direction", `"${from}" leaves packages/${own}/src`, "Import the other package by its name")
  }
  if (/^jose(\/|$)/.test(from) && !source.path.startsWith("packages/core/src/crypto/")) {
    add("jose", "jose is imported outside of packages/core/src/crypto", "Use or add an operation in crypto/")
  }
  if (isBuiltin(from) && !onNode.has(own)) {
    add(
      "node-builtin",
      `${own} imports "${from}"`,
      "Use a web standard or a service; Node's own belongs in platform-node"
    )
  }
  if (/^(vitest|@effect\/vitest|node:test)(\/|$)/.test(from)) {
    add("test-runner", `"${from}" is imported`, "Test runners belong in test/")
  }
  return findings
}

const inward = (source: Source, { from, node }: Import): ReadonlyArray<Finding> => {
  const target = resolve(source, from)
  if (packageOf(source.path) !== "core" || !from.startsWith(".") || isIndex(source.path)) return []
  if (target === "packages/core/src/Ciba.ts") {
    return [
      at(source, node, "room-direction", "Ciba.ts is imported", "Ciba.ts joins the rooms; only index.ts knows it")
    ]
  }
  const room = roomOf(source.path)
  const wanted = roomOf(target)
  if (room === undefined || room === wanted || wanted === "internal") return []
  const allowed = rooms[room] ?? []
  if (wanted !== undefined && allowed.includes(wanted)) return []
  return [
    at(
      source,
      node,
      "room-direction",
      `${room} imports ${wanted ?? posix.basename(target)}`,
      `${room} may import: ${[...allowed, ...(room === "internal" ? [] : ["internal"])].join(", ") || "none"}`
    )
  ]
}

const placement = (source: Source): ReadonlyArray<Finding> => {
  const own = packageOf(source.path)
  const room = roomOf(source.path)
  if (!Object.hasOwn(packages, own)) {
    return [
      at(
        source,
        source.program,
        "package-direction",
        `the package ${own} is unknown`,
        "Add it to scripts/architecture/imports.ts"
      )
    ]
  }
  if (own === "core" && room !== undefined && !Object.hasOwn(rooms, room)) {
    return [
      at(
        source,
        source.program,
        "room-direction",
        `the room ${room} is unknown`,
        "Add it to scripts/architecture/imports.ts"
      )
    ]
  }
  return []
}

const cycles = (sources: ReadonlyArray<Source>): ReadonlyArray<Finding> => {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const done = new Set<string>()
  const findings: Array<Finding> = []
  const visit = (source: Source, trail: ReadonlyArray<string>): void => {
    if (done.has(source.path)) return
    const path = [...trail, source.path]
    for (const { from, node } of imports(source)) {
      const target = from.startsWith(".") ? byPath.get(resolve(source, from)) : undefined
      if (target === undefined) continue
      const start = path.indexOf(target.path)
      if (start < 0) {
        visit(target, path)
        continue
      }
      const circle = [...path.slice(start), target.path].map((name) => posix.basename(name)).join(" → ")
      findings.push(at(source, node, "cycle", circle, "Move what both need into a file that both import"))
    }
    done.add(source.path)
  }
  for (const source of sources) visit(source, [])
  return findings
}

export const check = (sources: ReadonlyArray<Source>): ReadonlyArray<Finding> => [
  ...sources.flatMap((source) => [
    ...placement(source),
    ...imports(source).flatMap((found) => [...outward(source, found), ...inward(source, found)])
  ]),
  ...cycles(sources)
]
