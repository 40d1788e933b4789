// What the servers of the matrix are made with: Go's and Java's tools, and what they download into .cache/servers.
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { arch, platform } from "node:os"
import { join, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")
const cache = join(root, ".cache/servers")

/** The output of a command; undefined if it cannot be run. */
const attempt = (command: string, ...parameters: ReadonlyArray<string>): string | undefined => {
  try {
    return execFileSync(command, parameters, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
  } catch {
    return undefined
  }
}

const run = (command: string, parameters: ReadonlyArray<string>, options: object = {}): void => {
  execFileSync(command, parameters, { stdio: ["ignore", "inherit", "inherit"], ...options })
}

/** Builds e2e/go-oidc; the reason if there is no Go that can. */
export const buildGoOidc = (): string | undefined => {
  return runGo(join(root, "e2e/go-oidc"), "build", "-trimpath", "-o", join(cache, "go-oidc"), ".")
}

/** Runs Go in the folder of a module; the reason if there is no Go that can. */
export const runGo = (cwd: string, ...parameters: ReadonlyArray<string>): string | undefined => {
  const go = findGo() ?? fetchGo()
  if (go === undefined) return "there is no Go 1.21 or newer, and the module proxy has not given one for this machine"
  const env = { ...process.env, GOTOOLCHAIN: "auto", GOFLAGS: "-mod=readonly -buildvcs=false" }
  run(go, parameters, { cwd, env })
  return undefined
}

/** Go 1.21 or newer fetches the toolchain that go.mod names. */
const findGo = (): string | undefined => {
  const version = attempt("go", "version")?.match(/go1\.(\d+)/)?.[1]
  return Number(version) >= 21 ? "go" : undefined
}

const toolchain = {
  name: "v0.0.1-go1.26.8.linux-amd64",
  sha256: "30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7"
}

/** A toolchain by Go's module proxy, for Linux on x64. */
const fetchGo = (): string | undefined => {
  if (platform() !== "linux" || arch() !== "x64") return undefined
  const directory = join(cache, `golang.org/toolchain@${toolchain.name}`)
  const go = join(directory, "bin/go")
  if (existsSync(go)) return go
  const proxy = process.env.GOPROXY?.split(/[,|]/)[0] || "https://proxy.golang.org"
  const archive = join(cache, "toolchain.zip")
  mkdirSync(cache, { recursive: true })
  if (attempt("curl", "-fsSL", "-o", archive, `${proxy}/golang.org/toolchain/@v/${toolchain.name}.zip`) === undefined)
    return undefined
  if (createHash("sha256").update(readFileSync(archive)).digest("hex") !== toolchain.sha256) {
    throw new Error("Go's toolchain is not the pinned one")
  }
  run("unzip", ["-q", "-o", archive, "-d", cache])
  run("chmod", ["-R", "+x", join(directory, "bin"), join(directory, "pkg/tool")])
  rmSync(archive)
  return go
}

/** Keycloak by Maven; the reason if Java or Maven are missing. */
export const unpackKeycloak = (version: string): string | undefined => {
  const java = Number(attempt("java", "--version")?.match(/^\S+ (\d+)/)?.[1])
  if (!(java >= 17)) return "there is no Java 17 or newer"
  const home = join(cache, `keycloak-${version}`)
  if (!existsSync(join(home, "bin/kc.sh"))) {
    const artifact = `org.keycloak:keycloak-quarkus-dist:${version}:zip`
    mkdirSync(cache, { recursive: true })
    const copied = attempt(
      "mvn",
      ...["-q", "-B", "dependency:copy", `-Dartifact=${artifact}`, `-DoutputDirectory=${cache}`]
    )
    if (copied === undefined) return "there is no Maven, or it has not given Keycloak"
    const archive = join(cache, `keycloak-quarkus-dist-${version}.zip`)
    run("unzip", ["-q", "-o", archive, "-d", cache])
    rmSync(archive)
  }
  return undefined
}
