export * as EnvironmentAuthentication from "./EnvironmentAuthentication.ts"
export * as NodeCiba from "./NodeCiba.ts"
export * as NodeNotificationServer from "./NodeNotificationServer.ts"
export * as NodeTls from "./NodeTls.ts"
