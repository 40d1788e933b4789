// The metadata of a client that registers itself.
import { ClientMetadata, type SigningKey } from "@effect-ciba/core"

export const makeMetadata = ({ publicJwk }: SigningKey.KeyPair) =>
  ClientMetadata.make({
    deliveryMode: "poll",
    clientName: "Point of sale",
    tokenEndpointAuthMethod: "private_key_jwt",
    tokenEndpointAuthSigningAlg: "ES256",
    idTokenSignedResponseAlg: "ES256",
    jwks: [publicJwk]
  })
