// The four places where the world talks to us.
import { notification } from "./FuzzedNotifications.ts"
import { acknowledgement, discovery, token } from "./FuzzedProvider.ts"

export const entryPoints = [discovery, acknowledgement, token, notification] as const
