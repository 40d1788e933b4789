import { inspect } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { type ClientMetadata, Discovery, Dpop, DynamicRegistration, SigningKey, Transport } from "@effect-ciba/core"
import { DateTime, Effect, Layer, Redacted, Schema } from "effect"
import { decodePart } from "../support/Jwt.ts"
import { type Reply, serve } from "../support/ResourceServer.ts"

const asked: ClientMetadata.ClientMetadata = {
  grant_types: ["urn:openid:params:grant-type:ciba"],
  response_types: [],
  token_endpoint_auth_method: "client_secret_basic",
  backchannel_token_delivery_mode: "poll",
  organisation_id: "o-1"
}

const body = {
  ...asked,
  client_id: "c-1",
  client_id_issued_at: 7,
  client_secret: "marker-secret",
  client_secret_expires_at: 0,
  registration_client_uri: "https://op.test/reg/c-1",
  registration_access_token: "marker-token"
}

const created: Reply = () => Response.json(body, { status: 201 })

const reply =
  (status: number, document?: unknown): Reply =>
  () =>
    document === undefined ? new Response(null, { status }) : Response.json(document, { status })

const provider = (...replies: readonly [Reply, ...ReadonlyArray<Reply>]) => {
  const { received, layer } = serve(...replies)
  const live = DynamicRegistration.layer().pipe(
    Layer.provideMerge(Transport.layer()),
    Layer.provideMerge(
      Discovery.layerStatic({ issuer: "https://op.test", registration_endpoint: "https://op.test/reg" })
    ),
    Layer.provide(layer),
    Layer.orDie
  )
  return { heard: received, layer: live }
}

const register = DynamicRegistration.register(asked)

const decodeJson = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Unknown))

describe("registering", () => {
  it.effect("sends the metadata as JSON, and gives the client as the provider has it", () =>
    Effect.gen(function* () {
      const { heard, layer } = provider(created)
      const client = yield* Effect.provide(register, layer)
      expect(heard[0]).toMatchObject({
        method: "POST",
        url: "https://op.test/reg",
        headers: { "content-type": "application/json", accept: "application/json" }
      })
      expect(heard[0]?.headers).not.toHaveProperty("authorization")
      expect(decodeJson(heard[0]?.body)).toEqual(asked)
      expect(client).toMatchObject({
        clientId: "c-1",
        registrationClientUri: "https://op.test/reg/c-1",
        metadata: asked,
        changed: []
      })
      expect(client.clientSecret && Redacted.value(client.clientSecret)).toBe("marker-secret")
      expect(client.registrationAccessToken && Redacted.value(client.registrationAccessToken)).toBe("marker-token")
      expect(client.clientSecretExpiresAt).toBeUndefined()
    })
  )

  it.effect("carries the initial access token, and takes 200 for success, too", () =>
    Effect.gen(function* () {
      const { heard, layer } = provider(reply(200, { ...body, client_secret_expires_at: 1000 }))
      const client = yield* DynamicRegistration.register(asked, { initialAccessToken: Redacted.make("iat") }).pipe(
        Effect.provide(layer)
      )
      expect(heard[0]?.headers.authorization).toBe("Bearer iat")
      expect(client.clientSecretExpiresAt).toEqual(DateTime.makeUnsafe(1_000_000))
    })
  )

  it.effect("carries further headers, and none in place of its own", () =>
    Effect.gen(function* () {
      const { heard, layer } = provider(created)
      const headers = {
        "x-tenant": "one",
        authorization: "Bearer eve",
        "content-type": "text/plain",
        accept: "text/html"
      }
      yield* DynamicRegistration.register(asked, { initialAccessToken: Redacted.make("iat"), headers }).pipe(
        Effect.provide(layer)
      )
      expect(heard[0]?.headers).toMatchObject({
        "x-tenant": "one",
        authorization: "Bearer iat",
        "content-type": "application/json",
        accept: "application/json"
      })
    })
  )

  it.effect("proves possession of the key that its token is bound to, and sends a demanded nonce, twice at most", () =>
    Effect.gen(function* () {
      const wanted: Reply = () => new Response("", { status: 401, headers: { "dpop-nonce": "n-1" } })
      const options = { initialAccessToken: Redacted.make("iat"), dpopBound: true }
      const { heard, layer } = provider(wanted, created)
      const registered = yield* DynamicRegistration.register(asked, options).pipe(
        Effect.provide(layer.pipe(Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") }))))
      )
      expect(registered.clientId).toBe("c-1")
      const proofs = yield* Effect.forEach(heard, ({ headers }) => decodePart(headers.dpop ?? "", 1))
      const common = { htm: "POST", htu: "https://op.test/reg", ath: expect.stringMatching(/^[\w-]{43}$/) }
      expect(proofs).toMatchObject([common, { ...common, nonce: "n-1" }])
      expect(proofs[0]).not.toHaveProperty("nonce")
      expect(heard.map(({ headers }) => headers.authorization)).toEqual(["DPoP iat", "DPoP iat"])

      const stubborn = provider(wanted)
      const refused = yield* DynamicRegistration.register(asked, options).pipe(
        Effect.flip,
        Effect.provide(stubborn.layer.pipe(Layer.provide(Dpop.layer({ key: SigningKey.generate("ES256") }))))
      )
      expect(refused.reason._tag).toBe("Unauthorized")
      expect(stubborn.heard).toHaveLength(3)

      const keyless = provider(created)
      const error = yield* Effect.flip(Effect.provide(DynamicRegistration.register(asked, options), keyless.layer))
      expect(error.reason._tag).toBe("InvalidKey")
      expect(keyless.heard).toEqual([])
    })
  )

  it.effect("names what the provider has changed, and loses nothing of it", () =>
    Effect.gen(function* () {
      const { layer } = provider(
        reply(201, { ...body, organisation_id: undefined, backchannel_token_delivery_mode: "ping", scope: "openid" })
      )
      const client = yield* Effect.provide(register, layer)
      expect(client.changed).toEqual(["backchannel_token_delivery_mode", "organisation_id"])
      expect(client.metadata).toMatchObject({ backchannel_token_delivery_mode: "ping", scope: "openid" })
      expect(client.clientId).toBe("c-1")
    })
  )

  const failures: ReadonlyArray<readonly [what: string, reply: Reply, reason: object]> = [
    ...(
      [
        ["invalid_redirect_uri", "InvalidRedirectUri"],
        ["invalid_client_metadata", "InvalidClientMetadata"],
        ["invalid_software_statement", "InvalidSoftwareStatement"],
        ["unapproved_software_statement", "UnapprovedSoftwareStatement"],
        ["teapot", "Unrecognized"]
      ] as const
    ).map(
      ([error, _tag]) =>
        [`the error ${error}`, reply(400, { error, error_description: "why" }), { _tag, description: "why" }] as const
    ),
    ["a token that is not accepted", reply(401), { _tag: "Unauthorized", status: 401 }],
    ["a client without an id", reply(201, { ...body, client_id: undefined }), { _tag: "InvalidRegistration" }],
    ["a client with a wrong member", reply(201, { ...body, grant_types: "ciba" }), { _tag: "InvalidRegistration" }],
    ["a page", () => new Response("<h1>", { status: 502 }), { _tag: "TransportError", status: 502 }],
    ["a status that means nothing here", reply(202, {}), { _tag: "TransportError", kind: "UnexpectedStatus" }]
  ]
  for (const [what, answer, reason] of failures) {
    it.effect(`is told ${what} in a typed error`, () =>
      Effect.gen(function* () {
        const error = yield* register.pipe(Effect.flip, Effect.provide(provider(answer).layer))
        expect(error._tag).toBe("RegistrationError")
        expect(error.reason).toMatchObject(reason)
        expect(error.message).not.toContain("marker")
      })
    )
  }

  it.effect("needs an endpoint, and sends nothing without", () =>
    Effect.gen(function* () {
      const { received, layer } = serve(created)
      const error = yield* register.pipe(
        Effect.flip,
        Effect.provide(DynamicRegistration.layer()),
        Effect.provide(Layer.provideMerge(Transport.layer(), layer)),
        Effect.provide(Discovery.layerStatic({ issuer: "https://op.test" }))
      )
      expect(error.reason).toMatchObject({ _tag: "MissingEndpoint", endpoint: "registration_endpoint" })
      expect(received).toEqual([])
    })
  )
})

describe("a registered client", () => {
  const managed = <A, E>(
    use: (client: DynamicRegistration.RegisteredClient) => Effect.Effect<A, E, DynamicRegistration.DynamicRegistration>,
    ...replies: ReadonlyArray<Reply>
  ) => {
    const { heard, layer } = provider(created, ...replies)
    return Effect.map(Effect.provide(Effect.flatMap(register, use), layer), (result) => ({ heard, result }))
  }

  it.effect("is read and updated with its own token, and keeps the secrets that the provider does not repeat", () =>
    Effect.gen(function* () {
      const { client_secret: _secret, registration_access_token: _token, ...bare } = body
      const { heard, result } = yield* managed(
        (client) =>
          Effect.flatMap(DynamicRegistration.read(client), (read) =>
            DynamicRegistration.update(read, { ...asked, client_name: "Shop" })
          ),
        reply(200, bare),
        reply(200, {
          ...bare,
          client_name: "Shop",
          client_secret: "marker-new",
          registration_access_token: "marker-next"
        })
      )
      expect(heard.slice(1).map(({ headers, method, url }) => [method, url, headers.authorization])).toEqual([
        ["GET", "https://op.test/reg/c-1", "Bearer marker-token"],
        ["PUT", "https://op.test/reg/c-1", "Bearer marker-token"]
      ])
      expect(decodeJson(heard[2]?.body)).toEqual({
        ...asked,
        client_name: "Shop",
        client_id: "c-1",
        client_secret: "marker-secret"
      })
      expect(result.metadata.client_name).toBe("Shop")
      expect(result.clientSecret && Redacted.value(result.clientSecret)).toBe("marker-new")
      expect(result.registrationAccessToken && Redacted.value(result.registrationAccessToken)).toBe("marker-next")
    })
  )

  it.effect("is no other client after an answer about one", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        managed((client) => DynamicRegistration.read(client), reply(200, { ...body, client_id: "c-2" }))
      )
      expect(error._tag === "RegistrationError" && error.reason._tag).toBe("InvalidRegistration")
      expect(error.message).toContain("c-2")
    })
  )

  it.effect("takes its token to no other server than the one that gave it", () =>
    Effect.gen(function* () {
      const { registration_access_token: _token, ...bare } = body
      const elsewhere = { ...bare, registration_client_uri: "https://evil.test/collect" }
      const { heard, result } = yield* managed(
        (client) =>
          Effect.flatMap(DynamicRegistration.read(client), (read) => Effect.flip(DynamicRegistration.read(read))),
        reply(200, elsewhere)
      )
      expect(result.message).toContain("gave no registration_client_uri and registration_access_token")
      expect(heard.map(({ url }) => url)).toEqual(["https://op.test/reg", "https://op.test/reg/c-1"])
    })
  )

  it.effect("is removed, or the reason is told", () =>
    Effect.gen(function* () {
      const { heard } = yield* managed(DynamicRegistration.remove, reply(204))
      expect(heard[1]).toMatchObject({ method: "DELETE", headers: { authorization: "Bearer marker-token" } })
      const gone = yield* managed((client) => Effect.flip(DynamicRegistration.remove(client)), reply(401))
      expect(gone.result.reason).toMatchObject({ _tag: "Unauthorized" })
      const failed = yield* managed((client) => Effect.flip(DynamicRegistration.remove(client)), reply(503, {}))
      expect(failed.result.reason).toMatchObject({ _tag: "TransportError", status: 503 })
    })
  )

  it.effect("without a way to be managed is refused before anything is sent", () =>
    Effect.gen(function* () {
      const { heard, layer } = provider(reply(201, { client_id: "c-1" }))
      const error = yield* Effect.provide(Effect.flip(Effect.flatMap(register, DynamicRegistration.read)), layer)
      expect(error.reason._tag).toBe("Unmanaged")
      expect(heard).toHaveLength(1)
    })
  )

  it.effect("shows its secrets to nobody", () =>
    Effect.gen(function* () {
      const client = yield* Effect.provide(register, provider(created).layer)
      expect(`${inspect(client, { depth: 9, showHidden: true })}${JSON.stringify(client)}${client}`).not.toContain(
        "marker"
      )
      const encoded = Schema.encodeUnknownEffect(Schema.toCodecJson(DynamicRegistration.RegisteredClient))(client)
      expect((yield* Effect.flip(encoded)).message).toContain("Cannot serialize Redacted")
    })
  )
})
