// The two clients of a run: one is registered for poll, and one for ping. Each has tables of its own.
import { Ciba, ClientAuthentication, Sealing } from "@effect-ciba/core"
import { DurableInbox, SqliteDatabase, WaitStore } from "@effect-ciba/durable"
import * as PostgresDatabase from "@effect-ciba/durable/PostgresDatabase"
import { NodeTls } from "@effect-ciba/platform-node"
import { TestClient } from "@effect-ciba/testing"
import { Effect, Layer, Redacted } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import type { Configuration, Database, Mode } from "./Settings.ts"

/** The header by which the provider distinguishes the processes. */
export const nameHeader = "machine"

/** Over undici, with the name of the process in each request. */
const http = (name: string) =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, HttpClient.mapRequest(HttpClientRequest.setHeader(nameHeader, name)))
  ).pipe(Layer.provide(NodeTls.layer({})))

export const databaseOf = (database: Database, options: PostgresDatabase.Options = { maxConnections: 3 }) =>
  "sqlite" in database
    ? SqliteDatabase.layer({ filename: database.sqlite })
    : PostgresDatabase.layer({ host: database.postgres, username: "postgres", database: "postgres", ...options })

export const storeOptions = ({ key, settings: { pingFallback } }: Configuration, mode: Mode) =>
  Effect.map(Sealing.fromBytes("machines", Redacted.make(key)), (sealing) => ({
    keys: [sealing] as const,
    prefix: mode,
    pingFallback: `${pingFallback} seconds` as const
  }))

/** The client, its store and its inbox, over the database of the context. */
export const clientOf = (configuration: Configuration, mode: Mode) =>
  Layer.unwrap(
    Effect.map(storeOptions(configuration, mode), (options) =>
      Ciba.layer({
        issuer: configuration.issuers[mode],
        clientId: mode,
        authentication: ClientAuthentication.clientSecretBasic(TestClient.secret),
        deliveryMode: mode,
        idTokenSignedResponseAlg: "ES256",
        allowInsecureRequests: "loopback",
        requestTimeout: `${configuration.settings.requestTimeout} seconds`
      }).pipe(
        Layer.provideMerge(DurableInbox.layer(options)),
        Layer.provideMerge(WaitStore.layer(options)),
        Layer.provide(http(configuration.name))
      )
    )
  )
