// Checks that the bundle of a program that polls with a client secret has no code of DPoP, mutual TLS, encryption, ping or push,
// and that the sizes in e2e/runtimes/footprint.json, which docs/runtimes.md shows, are those of today; --write measures them anew.
import { bundle, hasAll, polls } from "./Bundle.ts"
import * as Footprint from "./Footprint.ts"
import * as Parts from "./Parts.ts"

// In the bundle of all, each of the strings must be found; otherwise a string would check nothing.
const strings: Readonly<Record<string, ReadonlyArray<string>>> = {
  DPoP: ["dpop+jwt", "htu:"],
  "mutual TLS": ["tls_client_auth", "mtls_endpoint_aliases"],
  encryption: ["its content is compressed", "Invalid Compact JWE"],
  ping: ['"www-authenticate": "Bearer"', '"Duplicate"'],
  storage: ["none of the keys has sealed it"],
  profiles: ["FAPI-CIBA draft 03 with"]
}

const [lean, full] = await Promise.all([bundle("polls", polls, "dce-only"), bundle("has-all", hasAll, "dce-only")])
const foreign = Object.entries(strings).flatMap(([what, texts]) =>
  texts.flatMap((text) => [
    ...(lean.includes(text) ? [`a program that only polls carries ${what}: ${text}`] : []),
    ...(full.includes(text) ? [] : [`${text} is nowhere to be found; the check for ${what} checks nothing`])
  ])
)

const sizes = await Footprint.measureSizes()
const parts = await Parts.measure()
for (const { compressed, minified, name } of sizes)
  console.log(`${name}: ${minified} kB minified, ${compressed} kB compressed`)
if (process.argv.includes("--write")) Footprint.write({ sizes, parts, starts: await Footprint.measureStarts() })

const problems = [...foreign, ...Footprint.compare(sizes, parts)]
console.log([...problems, `bundle: ${problems.length} problems`].join("\n"))
process.exitCode = problems.length === 0 ? 0 : 1
