export * as DurableInbox from "./DurableInbox.ts"
/** CIBA approvals that outlive any process: waits as rows of a database. */
export * as SqliteDatabase from "./SqliteDatabase.ts"
export * as WaitStore from "./WaitStore.ts"
export * as WaitWorker from "./WaitWorker.ts"
