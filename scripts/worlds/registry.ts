// A registry on loopback that has the packed packages alone. Package managers ask it for their scope, and resolve and
// install them as if they were published.
import { createHash } from "node:crypto"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { Packed } from "../Packed.ts"

/** A package manager that holds back new versions accepts one of this date. */
const published = "2020-01-01T00:00:00.000Z"

const describe = (origin: string, { manifest, name, tarball, version }: Packed) => ({
  name,
  "dist-tags": { latest: version },
  time: { [version]: published },
  versions: {
    [version]: {
      ...manifest,
      dist: {
        tarball: `${origin}/${name}/-/${version}.tgz`,
        integrity: `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`
      }
    }
  }
})

export const serve = async (packages: ReadonlyArray<Packed>): Promise<{ origin: string; close: () => void }> => {
  const server = createServer(({ url = "" }, response) => {
    const path = decodeURIComponent(url)
    const found = packages.find(({ name }) => path === `/${name}` || path.startsWith(`/${name}/-/`))
    if (found === undefined) response.writeHead(404).end()
    else if (path === `/${found.name}`) response.end(JSON.stringify(describe(origin, found)))
    else response.end(readFileSync(found.tarball))
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const origin = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`
  return { origin, close: () => server.close() }
}
