// A registry on loopback for one scope, empty at first: npm publishes to it and moves its tags, and package managers
// install from it.
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import { text } from "node:stream/consumers"

/** A package manager that holds back new versions accepts one of this date. */
const published = "2020-01-01T00:00:00.000Z"

interface Version {
  readonly dist: { readonly tarball: string }
}

interface Entry {
  readonly name: string
  readonly "dist-tags": Record<string, string>
  readonly versions: Record<string, Version>
  readonly time: Record<string, string>
}

interface Publication extends Entry {
  readonly _attachments: Readonly<Record<string, { readonly data: string }>>
}

type Reply = readonly [status: number, body?: string | Buffer]

const json = async (request: IncomingMessage) => JSON.parse(await text(request))

const makeStore = () => {
  const entries = new Map<string, Entry>()
  const tarballs = new Map<string, Buffer>()

  const publish = ({ _attachments, name, versions, "dist-tags": tags }: Publication): Reply => {
    const entry = entries.get(name) ?? { name, "dist-tags": {}, versions: {}, time: {} }
    const [version = "", manifest] = Object.entries(versions)[0] ?? []
    const [attachment] = Object.values(_attachments)
    if (version in entry.versions || manifest === undefined || attachment === undefined) return [403]
    tarballs.set(decodeURIComponent(new URL(manifest.dist.tarball).pathname), Buffer.from(attachment.data, "base64"))
    Object.assign(entry.versions, { [version]: manifest })
    Object.assign(entry["dist-tags"], tags)
    Object.assign(entry.time, { [version]: published })
    entries.set(name, entry)
    return [201, "{}"]
  }

  const tag = (name: string, tag: string, version: string): Reply => {
    const entry = entries.get(name)
    if (entry?.versions[version] === undefined) return [404]
    Object.assign(entry["dist-tags"], { [tag]: version })
    return [201, "{}"]
  }

  const find = (path: string): Reply => {
    const entry = entries.get(path.slice(1))
    const found = tarballs.get(path) ?? (entry && JSON.stringify(entry))
    return found === undefined ? [404] : [200, found]
  }

  const tagsOf = (name: string): Reply => {
    const entry = entries.get(name)
    return entry === undefined ? [404] : [200, JSON.stringify(entry["dist-tags"])]
  }

  return { publish, tag, find, tagsOf }
}

export const serve = async (): Promise<{ origin: string; close: () => void }> => {
  const store = makeStore()
  const reply = async (request: IncomingMessage): Promise<Reply> => {
    const path = decodeURIComponent(new URL(request.url ?? "", "http://registry.test").pathname)
    const [, name = "", tag] = /^\/-\/package\/(.+)\/dist-tags(?:\/(.+))?$/.exec(path) ?? []
    if (request.method !== "PUT") return name === "" ? store.find(path) : store.tagsOf(name)
    return tag === undefined ? store.publish(await json(request)) : store.tag(name, tag, await json(request))
  }
  const server = createServer((request, response) => {
    void reply(request).then(([status, body]) => response.writeHead(status).end(body))
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  const origin = `http://127.0.0.1:${typeof address === "object" ? address?.port : ""}`
  return { origin, close: () => server.close() }
}
