/**
 * The versions and cipher suites of TLS, for the client and for the notification endpoint: TLS 1.3 as Node.js has it, and
 * 1.2 with forward secrecy and authenticated encryption alone.
 *
 * @see RFC 9325 (BCP 195) sections 3.1.1 and 4.2
 */
import type { SecureContextOptions } from "node:tls"

/** What both sides of a connection are created with. */
export const options: Required<Pick<SecureContextOptions, "minVersion" | "ciphers">> = {
  minVersion: "TLSv1.2",
  ciphers: [
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384"
  ].join(":")
}
