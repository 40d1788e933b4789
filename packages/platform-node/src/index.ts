/** A CIBA client on Node.js: one layer, client certificates, configuration from the environment, a notification endpoint. */
export * as CertificateFiles from "./CertificateFiles.ts"
export * as ClientCertificate from "./ClientCertificate.ts"
export * as NodeCiba from "./NodeCiba.ts"
export * as NodeNotificationServer from "./NodeNotificationServer.ts"
export * as NodeTls from "./NodeTls.ts"
