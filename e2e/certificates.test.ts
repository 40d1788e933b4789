// Client certificates on real connections: as values, from files, and replaced while the client runs.
import { execFile } from "node:child_process"
import { createPrivateKey } from "node:crypto"
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { CertificateFiles, type ClientCertificate, NodeTls } from "@effect-ciba/platform-node"
import { Effect, Fiber, Layer, Logger, Queue, Redacted, Schema } from "effect"
import { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import * as CertificateAuthority from "./CertificateAuthority.ts"
import * as Pkcs12 from "./Pkcs12.ts"
import * as TlsServer from "./TlsServer.ts"

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "certificates-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

const write = (path: string, content: string | Uint8Array) => Effect.promise(() => writeFile(path, content))

const values = ({ certificate, privateKey }: CertificateAuthority.Issued): ClientCertificate.ClientCertificate => ({
  certificate,
  privateKey: Redacted.make(privateKey)
})

const get = (url: string) => Effect.flatMap(HttpClient.get(url), ({ text }) => text)

/** A server, its authority, and a directory for the client's files. */
const setUp = Effect.gen(function* () {
  const authority = yield* CertificateAuthority.make
  const server = yield* TlsServer.make({ own: yield* authority.issue("server") })
  const path = yield* directory
  const paths = { certificate: join(path, "tls.crt"), privateKey: join(path, "tls.key") }
  const install = Effect.fnUntraced(function* (issued: CertificateAuthority.Issued) {
    yield* write(paths.certificate, issued.certificate)
    yield* write(paths.privateKey, issued.privateKey)
  })
  return { authority, server, path, paths, install }
})

/** A client, and the next message that it logs after a reload of its files. */
const build = Effect.fnUntraced(function* (options: NodeTls.Options) {
  const logged = yield* Queue.unbounded<string>()
  const logger = Logger.make(({ logLevel, message }) => Queue.offerUnsafe(logged, `${logLevel}: ${message}`))
  const context = yield* Layer.build(Layer.provide(NodeTls.layer(options), Logger.layer([logger])))
  return {
    provide: Effect.provide(context),
    nextMessage: Effect.andThen(TestClock.adjust("1 minute"), Queue.take(logged))
  }
})

const replacedMessage = "Info: TLS: certificates were replaced, and new connections use them"

describe("NodeTls, client certificates", () => {
  it.effect("a client certificate is sent as PEM and as PKCS#12, from values and from files", () =>
    Effect.gen(function* () {
      const { authority, install, path, paths, server } = yield* setUp
      const issued = yield* authority.issue("shop")
      const passphrase = Redacted.make("öffne dich")
      const file = join(path, "shop.p12")
      const pkcs12 = Pkcs12.make(issued, Redacted.value(passphrase))
      yield* install(issued)
      yield* write(file, pkcs12)
      const sources: ReadonlyArray<NodeTls.Options["client"]> = [
        values(issued),
        { pkcs12: Redacted.make(pkcs12), passphrase },
        CertificateFiles.pem(paths),
        CertificateFiles.pkcs12(file, { passphrase }),
        undefined
      ]
      const subjects = yield* Effect.forEach(sources, (client) =>
        Effect.provide(get(server.url), NodeTls.layer({ client, authorities: authority.certificate }))
      )
      assert.deepStrictEqual(subjects, [...Array.from({ length: 4 }, () => "CN=shop"), "no certificate"])
    })
  )

  const oneLine = (text: string) => text.trim().replaceAll("\n", "\\n")
  const spellings: ReadonlyArray<readonly [what: string, edit: (text: string, other: string) => string]> = [
    ["in one line, with line breaks as two characters", oneLine],
    ["in quotes", (text) => `"${oneLine(text)}"`],
    ["with indented lines", (text) => text.replaceAll("\n", "\r\n    ")],
    ["with spaces in the place of line breaks", (text) => text.replaceAll("\n", " ")],
    ["with text around", (text) => `Bag Attributes\n    friendlyName: shop\n${text}\n# until 2027\n`],
    ["with two blocks that no line break divides", (text) => `${text.trim()}${text.trim()}`],
    ["with certificate and key in one text", (text, other) => `${other}\n${text}`]
  ]
  for (const [what, edit] of spellings) {
    it.effect(`a client certificate, its key and the authorities are read ${what} (E13)`, () =>
      Effect.gen(function* () {
        const { authority, server } = yield* setUp
        const { certificate, privateKey } = yield* authority.issue("shop")
        const client = values({
          certificate: edit(certificate, privateKey),
          privateKey: edit(privateKey, certificate)
        })
        const subject = yield* Effect.provide(
          get(server.url),
          NodeTls.layer({ client, authorities: edit(authority.certificate, authority.certificate) })
        )
        assert.strictEqual(subject, "CN=shop")
      })
    )
  }

  it.effect("an authority that breaks off is refused, also behind one that is complete (N6)", () =>
    Effect.gen(function* () {
      const { certificate } = yield* CertificateAuthority.make
      for (const broken of [certificate.slice(0, 90), oneLine(certificate.slice(0, 90))]) {
        const layer = NodeTls.layer({ authorities: `${certificate}\n${broken}` })
        assert.propertyVal(yield* Effect.flip(Layer.build(layer)), "source", "tls.authorities")
      }
    })
  )

  it.effect("a replaced certificate is sent with new requests, while running ones end on their own connections", () =>
    Effect.gen(function* () {
      const { authority, path, server } = yield* setUp
      const mount = Effect.fnUntraced(function* (version: string) {
        const issued = yield* authority.issue(version)
        yield* Effect.promise(() => mkdir(join(path, version)))
        yield* write(join(path, version, "tls.crt"), issued.certificate)
        yield* write(join(path, version, "tls.key"), issued.privateKey)
        yield* Effect.promise(() => symlink(version, join(path, "..new")))
        yield* Effect.promise(() => rename(join(path, "..new"), join(path, "..data")))
      })
      yield* mount("first")
      const client = CertificateFiles.pem({
        certificate: join(path, "..data", "tls.crt"),
        privateKey: join(path, "..data", "tls.key")
      })
      const { nextMessage, provide } = yield* build({ client, authorities: authority.certificate })
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* get(server.url), "CN=first")
        const running = yield* Effect.forkChild(get(`${server.url}/held`))
        yield* server.awaitHeld
        yield* mount("second")
        assert.strictEqual(yield* nextMessage, replacedMessage)
        assert.strictEqual(yield* get(server.url), "CN=second")
        yield* server.release
        assert.strictEqual(yield* Fiber.join(running), "held by CN=first")
        yield* server.awaitOpen(1)
        assert.strictEqual(yield* get(server.url), "CN=second")
        assert.deepStrictEqual(server.connections, ["CN=first", "CN=second"])
      }).pipe(provide)
    })
  )

  it.effect("a certificate without its new key is rejected with a warning, and the previous pair stays in use", () =>
    Effect.gen(function* () {
      const { authority, install, paths, server } = yield* setUp
      const [first, second] = yield* Effect.all([authority.issue("first"), authority.issue("second")])
      yield* install(first)
      const { nextMessage, provide } = yield* build({
        client: CertificateFiles.pem(paths),
        authorities: authority.certificate
      })
      yield* Effect.gen(function* () {
        yield* write(paths.certificate, second.certificate)
        const remains = "Connections keep what was read before"
        assert.strictEqual(
          yield* nextMessage,
          `Warn: TLS, ${paths.privateKey}: it is not the private key of ${paths.certificate}; give the two that were issued together, the client's certificate first. ${remains}`
        )
        yield* write(paths.privateKey, second.privateKey.slice(0, 90))
        assert.strictEqual(
          yield* nextMessage,
          `Warn: TLS, ${paths.privateKey}: it does not hold a complete private key as PEM (-----BEGIN PRIVATE KEY-----). ${remains}`
        )
        assert.strictEqual(yield* get(server.url), "CN=first")
        yield* write(paths.privateKey, second.privateKey)
        assert.strictEqual(yield* nextMessage, replacedMessage)
        assert.strictEqual(yield* get(server.url), "CN=second")
      }).pipe(provide)
    })
  )

  it.effect("reloading unchanged files opens no new connection", () =>
    Effect.gen(function* () {
      const { authority, install, paths, server } = yield* setUp
      yield* install(yield* authority.issue("first"))
      const reads = yield* Queue.unbounded<void>()
      const { provide } = yield* build({
        client: Effect.tap(CertificateFiles.pem(paths), () => Queue.offer(reads, undefined)),
        authorities: Effect.succeed(authority.certificate),
        reloadEvery: "2 minutes"
      })
      yield* Effect.gen(function* () {
        for (let count = 0; count < 6; count++) {
          yield* Queue.take(reads)
          yield* get(server.url)
          if (count === 2) yield* install(yield* authority.issue("second"))
          yield* TestClock.adjust("1 minute")
          assert.strictEqual(yield* Queue.size(reads), 0)
          yield* TestClock.adjust("1 minute")
        }
        assert.deepStrictEqual(server.connections, ["CN=first", "CN=second"])
      }).pipe(provide)
    })
  )

  it.effect("a replaced certificate authority is trusted from the next connection on (N6)", () =>
    Effect.gen(function* () {
      const { authority, path, server } = yield* setUp
      const file = join(path, "ca.crt")
      yield* write(file, (yield* CertificateAuthority.make).certificate)
      const { nextMessage, provide } = yield* build({ authorities: CertificateFiles.authorities(file) })
      yield* Effect.gen(function* () {
        const error = yield* Effect.flip(get(server.url))
        assert.include(inspect(error, { depth: 9 }), "UNABLE_TO_VERIFY_LEAF_SIGNATURE")
        yield* write(file, authority.certificate)
        assert.strictEqual(yield* nextMessage, replacedMessage)
        assert.strictEqual(yield* get(server.url), "no certificate")
      }).pipe(provide)
    })
  )
})

describe("NodeTls, when its layer is released", () => {
  it.effect("releasing the layer closes every connection, also those with a replaced certificate", () =>
    Effect.gen(function* () {
      const { authority, install, paths, server } = yield* setUp
      yield* install(yield* authority.issue("first"))
      yield* Effect.gen(function* () {
        const { nextMessage, provide } = yield* build({
          client: CertificateFiles.pem(paths),
          authorities: authority.certificate
        })
        yield* Effect.forkScoped(provide(Effect.exit(get(`${server.url}/held`))))
        yield* server.awaitHeld
        yield* install(yield* authority.issue("second"))
        assert.strictEqual(yield* nextMessage, replacedMessage)
        yield* provide(get(server.url))
        yield* server.awaitOpen(2)
      }).pipe(Effect.scoped)
      yield* server.awaitOpen(0)
    })
  )

  it.live("a program with reloaded certificates exits by itself", () =>
    Effect.gen(function* () {
      const { authority, install, path, paths, server } = yield* setUp
      const authorities = join(path, "ca.crt")
      yield* install(yield* authority.issue("shop"))
      yield* write(authorities, authority.certificate)
      const program = `
        import { CertificateFiles, NodeTls } from "@effect-ciba/platform-node"
        import { Effect } from "effect"
        import { HttpClient } from "effect/http"
        const [url, certificate, privateKey, authorities] = process.argv.slice(-4)
        const layer = NodeTls.layer({
          client: CertificateFiles.pem({ certificate, privateKey }),
          authorities: CertificateFiles.authorities(authorities)
        })
        const subject = HttpClient.get(url).pipe(Effect.flatMap(({ text }) => text), Effect.provide(layer))
        console.log(await Effect.runPromise(subject))
      `
      const parameters = ["--input-type=module", "--eval", program]
      const output = yield* Effect.callback<string>((resume) => {
        const child = execFile(
          process.execPath,
          [...parameters, server.url, paths.certificate, paths.privateKey, authorities],
          { cwd: import.meta.dirname },
          (error, stdout, stderr) => resume(error === null ? Effect.succeed(stdout) : Effect.die(stderr))
        )
        return Effect.sync(() => child.kill())
      })
      assert.strictEqual(output, "CN=shop\n")
    })
  )
})

describe("NodeTls, with unusable certificates", () => {
  const encodeJson = Schema.encodeSync(Schema.fromJsonString(Schema.Unknown))

  const refusal = (options: NodeTls.Options) =>
    Effect.map(Effect.flip(Layer.build(NodeTls.layer(options))), (error) => {
      for (const text of [error.message, String(error), encodeJson(error), inspect(error, { depth: 9 })]) {
        assert.notMatch(text, /marker|M[HI][A-Za-z0-9+]{6}/)
      }
      return [error._tag, "source" in error ? error.source : undefined, error.problem]
    })

  const missing = "there is no such file; check the path, and that the volume is mounted"
  const noCertificate = "it does not hold a complete certificate as PEM (-----BEGIN CERTIFICATE-----)"
  const noKey = "it does not hold a complete private key as PEM (-----BEGIN PRIVATE KEY-----)"
  const encrypted = "the private key is encrypted; give its passphrase"
  const wrongPassphrase = "the passphrase does not open it"
  const mismatch = (certificate: string) =>
    `it is not the private key of ${certificate}; give the two that were issued together, the client's certificate first`

  const half = (text: string) => text.slice(0, text.length / 2)
  const secret = Redacted.make("marker-passphrase")
  const encrypt = (privateKey: string) =>
    createPrivateKey(privateKey)
      .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: Redacted.value(secret) })
      .toString()

  type Case = readonly [
    what: string,
    break_: (given: CertificateAuthority.Issued, other: CertificateAuthority.Issued) => Broken,
    source: "certificate" | "privateKey",
    problem: string | ((certificate: string) => string)
  ]
  interface Broken extends CertificateAuthority.Issued {
    readonly passphrase?: Redacted.Redacted<string>
  }

  const pairs: ReadonlyArray<Case> = [
    ["an empty certificate", (given) => ({ ...given, certificate: "" }), "certificate", noCertificate],
    [
      "a truncated certificate",
      (given) => ({ ...given, certificate: half(given.certificate) }),
      "certificate",
      noCertificate
    ],
    [
      "a private key in place of the certificate",
      (given) => ({ ...given, certificate: given.privateKey }),
      "certificate",
      noCertificate
    ],
    [
      "a truncated certificate chain",
      (given, other) => ({ ...given, certificate: `${given.certificate}\n${half(other.certificate)}` }),
      "certificate",
      "TLS refuses it: the chain behind it is broken, or its key or signature is too weak"
    ],
    ["text in place of the private key", (given) => ({ ...given, privateKey: "marker" }), "privateKey", noKey],
    ["a truncated private key", (given) => ({ ...given, privateKey: half(given.privateKey) }), "privateKey", noKey],
    [
      "the private key of another certificate",
      (given, { privateKey }) => ({ ...given, privateKey }),
      "privateKey",
      mismatch
    ],
    [
      "a chain with another certificate first",
      (given, other) => ({ ...given, certificate: `${other.certificate}\n${given.certificate}` }),
      "privateKey",
      mismatch
    ],
    [
      "an encrypted private key without a passphrase",
      (given) => ({ ...given, privateKey: encrypt(given.privateKey) }),
      "privateKey",
      encrypted
    ],
    [
      "an encrypted private key with a wrong passphrase",
      (given) => ({ ...given, privateKey: encrypt(given.privateKey), passphrase: Redacted.make("marker-wrong") }),
      "privateKey",
      wrongPassphrase
    ]
  ]
  for (const [what, break_, source, problem] of pairs) {
    it.effect(`the layer rejects ${what}`, () =>
      Effect.gen(function* () {
        const { authority, install, paths } = yield* setUp
        const broken = break_(yield* authority.issue("shop"), yield* authority.issue("other"))
        yield* install(broken)
        const { passphrase } = broken
        const options = { certificate: "tls.client.certificate", privateKey: "tls.client.privateKey" }
        for (const [client, sources] of [
          [CertificateFiles.pem({ ...paths, passphrase }), paths],
          [{ ...values(broken), passphrase }, options]
        ] as const) {
          const expected = typeof problem === "string" ? problem : problem(sources.certificate)
          assert.deepStrictEqual(yield* refusal({ client }), ["CertificateError", sources[source], expected])
        }
      })
    )
  }

  it.effect("a private key is read with its passphrase, and an unencrypted one ignores the passphrase", () =>
    Effect.gen(function* () {
      const { authority, server } = yield* setUp
      const issued = yield* authority.issue("shop")
      for (const privateKey of [encrypt(issued.privateKey), issued.privateKey]) {
        const client = { ...values({ ...issued, privateKey }), passphrase: secret }
        const layer = NodeTls.layer({ client, authorities: authority.certificate })
        assert.strictEqual(yield* Effect.provide(get(server.url), layer), "CN=shop")
      }
    })
  )

  const files: ReadonlyArray<
    readonly [
      string,
      (issued: CertificateAuthority.Issued, passphrase: string) => Uint8Array,
      string | undefined,
      string
    ]
  > = [
    ["a PKCS#12 file without its passphrase", Pkcs12.make, undefined, encrypted],
    ["a PKCS#12 file with a wrong passphrase", Pkcs12.make, "marker-wrong", wrongPassphrase],
    [
      "a PKCS#12 file with legacy encryption",
      Pkcs12.withLegacyEncryption,
      "marker",
      "it is encrypted in an old way that OpenSSL 3 does not read; write it anew with: openssl pkcs12 -legacy -in old.p12 -nodes | openssl pkcs12 -export -out new.p12"
    ],
    [
      "a PKCS#12 file without a private key",
      Pkcs12.withoutKey,
      "marker",
      "it holds no private key; export the certificate together with it"
    ],
    [
      "a truncated PKCS#12 file",
      (issued, passphrase) => Pkcs12.make(issued, passphrase).subarray(0, 200),
      "marker",
      "it is not a complete PKCS#12; export certificate and key with: openssl pkcs12 -export"
    ]
  ]
  for (const [what, make, passphrase, problem] of files) {
    it.effect(`the layer rejects ${what}`, () =>
      Effect.gen(function* () {
        const { authority, path } = yield* setUp
        const content = make(yield* authority.issue("shop"), "marker")
        const file = join(path, "shop.p12")
        yield* write(file, content)
        const options = passphrase === undefined ? {} : { passphrase: Redacted.make(passphrase) }
        assert.deepStrictEqual(yield* refusal({ client: CertificateFiles.pkcs12(file, options) }), [
          "CertificateError",
          file,
          problem
        ])
        assert.deepStrictEqual(yield* refusal({ client: { pkcs12: Redacted.make(content), ...options } }), [
          "CertificateError",
          "tls.client.pkcs12",
          problem
        ])
      })
    )
  }

  it.effect("the layer rejects files that are missing or cannot be read", () =>
    Effect.gen(function* () {
      const { authority, install, path, paths } = yield* setUp
      yield* install(yield* authority.issue("shop"))
      const nowhere = join(path, "nowhere")
      const cases: ReadonlyArray<readonly [NodeTls.Options, string, string]> = [
        [{ client: CertificateFiles.pem({ ...paths, certificate: nowhere }) }, nowhere, missing],
        [{ client: CertificateFiles.pem({ ...paths, privateKey: nowhere }) }, nowhere, missing],
        [{ client: CertificateFiles.pkcs12(nowhere) }, nowhere, missing],
        [{ authorities: CertificateFiles.authorities(nowhere) }, nowhere, missing],
        [{ client: CertificateFiles.pem({ ...paths, privateKey: path }) }, path, "it is no file; give the path of one"]
      ]
      for (const [options, ...expected] of cases) {
        assert.deepStrictEqual(yield* refusal(options), ["CertificateError", ...expected])
      }
    })
  )

  it.effect("the layer rejects authorities without a valid certificate, which Node.js would ignore (N6)", () =>
    Effect.gen(function* () {
      const { authority, path } = yield* setUp
      const { certificate } = authority
      const file = join(path, "ca.crt")
      for (const authorities of [
        "",
        "marker",
        half(certificate),
        `${certificate}\n${half(certificate)}`,
        [certificate, "marker"],
        []
      ]) {
        assert.deepStrictEqual(yield* refusal({ authorities }), ["CertificateError", "tls.authorities", noCertificate])
      }
      yield* write(file, half(certificate))
      assert.deepStrictEqual(yield* refusal({ authorities: CertificateFiles.authorities(file) }), [
        "CertificateError",
        file,
        noCertificate
      ])
    })
  )
})
