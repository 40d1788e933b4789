/** CIBA approvals that outlive any process: waits as rows of a database. */
export * as ApprovalError from "./ApprovalError.ts"
export * as Approvals from "./Approvals.ts"
export * as DurableInbox from "./DurableInbox.ts"
export * as DurableStorage from "./DurableStorage.ts"
export * as SqliteDatabase from "./SqliteDatabase.ts"
export * as WaitStore from "./WaitStore.ts"
export * as WaitWorker from "./WaitWorker.ts"
