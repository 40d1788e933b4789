// `npm run release -- publish`, then `verify`, then `promote`: the steps of a release to npm's registry. What follows is handed to `npm publish`, such as `--provenance`.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { pack } from "./Packed.ts"
import { promote, publish, type Released, verify } from "./release/Release.ts"

const root = resolve(import.meta.dirname, "..")

const readManifest = (path: string): Released => JSON.parse(readFileSync(join(root, path, "package.json"), "utf8"))

const packages = readdirSync(join(root, "packages")).map((name) => readManifest(join("packages", name)))
const [step, ...options] = process.argv.slice(2)
const folder = mkdtempSync(join(tmpdir(), "effect-ciba-"))
const target = { folder, registry: "https://registry.npmjs.org" }
try {
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
  if (step === "publish") {
    const published = await publish(target, pack(folder), options)
    console.log(`published: ${published.map(({ name, version }) => `${name}@${version}`).join(", ") || "nothing new"}`)
  } else if (step === "verify") {
    await verify(target, packages, [`effect@${readManifest("node_modules/effect").version}`])
    console.log("verified: the published set installs, imports, and brings an approval")
  } else if (step === "promote") {
    await promote(target, packages)
    console.log(`latest: ${packages.map(({ name, version }) => `${name}@${version}`).join(", ")}`)
  } else throw new Error("Usage: npm run release -- publish | verify | promote")
} catch (error) {
  const { message, stderr = "" } = Object(error)
  console.error(stderr || message || error)
  process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true })
}
