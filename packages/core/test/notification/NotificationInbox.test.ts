import { NotificationInbox } from "@effect-ciba/core"
import { contract } from "../support/InboxContract.ts"

contract("in memory", NotificationInbox.layer)
