export * as EnvironmentAuthentication from "./EnvironmentAuthentication.ts"
export * as NodeCiba from "./NodeCiba.ts"
export * as NodeTls from "./NodeTls.ts"
