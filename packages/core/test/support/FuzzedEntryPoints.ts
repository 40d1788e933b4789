// Every entry point at which input from outside arrives.
import { notification } from "./FuzzedNotifications.ts"
import { acknowledgement, discovery, token } from "./FuzzedProvider.ts"

export const entryPoints = [discovery, acknowledgement, token, notification] as const
