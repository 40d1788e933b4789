// The four places where the world talks to us.
import { notification } from "./FuzzedEndpoint.ts"
import { acknowledgement, discovery, token } from "./FuzzedStages.ts"

export const places = [discovery, acknowledgement, token, notification] as const
