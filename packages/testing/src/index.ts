/** A CIBA provider in memory with end-users, scripted faults and a record of requests, to test clients with. */
export * as ProviderFetch from "./ProviderFetch.ts"
export * as ProviderOptions from "./ProviderOptions.ts"
export * as ProviderScript from "./ProviderScript.ts"
export * as RequestRecord from "./RequestRecord.ts"
export * as TestClient from "./TestClient.ts"
export * as TestKeys from "./TestKeys.ts"
export * as TestProvider from "./TestProvider.ts"
export * as TestUser from "./TestUser.ts"
