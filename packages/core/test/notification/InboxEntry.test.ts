// The life of an expected notification, as a table: every state, every event.
import { describe, expect, it } from "@effect/vitest"
import { Predicate, Redacted, Struct } from "effect"
import * as InboxEntry from "../../src/notification/InboxEntry.ts"
import type { Notification } from "../../src/notification/Notification.ts"
import { authReqId, notification, pending } from "../support/PendingAuthentications.ts"

const first = notification("a", { text: "first" })

const second = notification("a", { text: "second" })

const foreign = notification("b")

const states = {
  "Expected, ping": { _tag: "Expected", deliveryMode: "ping" },
  "Expected, push": { _tag: "Expected", deliveryMode: "push" },
  Early: { _tag: "Early", notification: first },
  Acknowledged: { _tag: "Acknowledged", pending: pending("a") },
  Unsaved: { _tag: "Unsaved", pending: pending("a"), notification: first },
  Delivered: { _tag: "Delivered", authReqId: authReqId("request-a"), notification: first },
  "Closed after a notification": { _tag: "Closed", authReqId: authReqId("request-a"), notification: first },
  "Closed without a notification": { _tag: "Closed", authReqId: authReqId("request-a"), notification: undefined }
} as const satisfies Readonly<Record<string, InboxEntry.State>>

const events = {
  acknowledgement: { _tag: "Acknowledge", pending: pending("a") },
  "acknowledgement of another request": { _tag: "Acknowledge", pending: pending("b") },
  notification: { _tag: "Notify", notification: second },
  "notification for another request": { _tag: "Notify", notification: foreign },
  "stored notification": { _tag: "Saved", notification: second },
  "notification that could not be stored": { _tag: "SaveFailed", notification: second },
  "end of the wait": { _tag: "Close", authReqId: authReqId("request-a") },
  "end of another request's wait": { _tag: "Close", authReqId: authReqId("request-b") }
} as const satisfies Readonly<Record<string, InboxEntry.Event>>

type StateName = keyof typeof states

type EventName = keyof typeof events

/** The state after the event, with the notification that it has, and what the inbox has to do. */
type Expected = readonly [state: string, action: string]

const same = (state: string, action = "None"): Expected => [state, action]

const table: Readonly<Record<StateName, Readonly<Record<EventName, Expected>>>> = {
  "Expected, ping": {
    acknowledgement: ["Acknowledged a", "Expire"],
    "acknowledgement of another request": ["Acknowledged b", "Expire"],
    notification: ["Early second", "Accepted"],
    "notification for another request": ["Early b", "Accepted"],
    "stored notification": same("Expected"),
    "notification that could not be stored": same("Expected"),
    "end of the wait": ["Closed a", "None"],
    "end of another request's wait": ["Closed b", "None"]
  },
  "Expected, push": {
    acknowledgement: ["Acknowledged a", "Expire"],
    "acknowledgement of another request": ["Acknowledged b", "Expire"],
    notification: same("Expected", "AwaitAcknowledgement"),
    "notification for another request": same("Expected", "AwaitAcknowledgement"),
    "stored notification": same("Expected"),
    "notification that could not be stored": same("Expected"),
    "end of the wait": ["Closed a", "None"],
    "end of another request's wait": ["Closed b", "None"]
  },
  Early: {
    acknowledgement: ["Delivered a first", "Expire"],
    "acknowledgement of another request": ["Acknowledged b", "Expire"],
    notification: same("Early first", "Duplicate"),
    "notification for another request": same("Early first", "Duplicate"),
    "stored notification": same("Early first"),
    "notification that could not be stored": same("Early first"),
    "end of the wait": ["Closed a", "None"],
    "end of another request's wait": ["Closed b", "None"]
  },
  Acknowledged: {
    acknowledgement: same("Acknowledged a"),
    "acknowledgement of another request": same("Acknowledged a"),
    notification: same("Acknowledged a", "Save a second"),
    "notification for another request": same("Acknowledged a", "Refused"),
    "stored notification": ["Delivered a second", "None"],
    "notification that could not be stored": ["Unsaved a second", "None"],
    "end of the wait": ["Closed a", "None"],
    "end of another request's wait": same("Acknowledged a")
  },
  Unsaved: {
    acknowledgement: same("Unsaved a first"),
    "acknowledgement of another request": same("Unsaved a first"),
    notification: same("Unsaved a first", "Save a first"),
    "notification for another request": same("Unsaved a first", "Refused"),
    "stored notification": ["Delivered a first", "None"],
    "notification that could not be stored": ["Unsaved a first", "None"],
    "end of the wait": ["Closed a first", "None"],
    "end of another request's wait": same("Unsaved a first")
  },
  Delivered: {
    acknowledgement: same("Delivered a first"),
    "acknowledgement of another request": same("Delivered a first"),
    notification: same("Delivered a first", "Duplicate"),
    "notification for another request": same("Delivered a first", "Refused"),
    "stored notification": same("Delivered a first"),
    "notification that could not be stored": same("Delivered a first"),
    "end of the wait": ["Closed a first", "None"],
    "end of another request's wait": same("Delivered a first")
  },
  "Closed after a notification": {
    acknowledgement: same("Closed a first"),
    "acknowledgement of another request": same("Closed a first"),
    notification: same("Closed a first", "Duplicate"),
    "notification for another request": same("Closed a first", "Refused"),
    "stored notification": same("Closed a first"),
    "notification that could not be stored": same("Closed a first"),
    "end of the wait": same("Closed a first"),
    "end of another request's wait": same("Closed a first")
  },
  "Closed without a notification": {
    acknowledgement: same("Closed a"),
    "acknowledgement of another request": same("Closed a"),
    notification: same("Closed a", "Duplicate"),
    "notification for another request": same("Closed a", "Refused"),
    "stored notification": ["Closed a second", "None"],
    "notification that could not be stored": ["Closed a second", "None"],
    "end of the wait": same("Closed a"),
    "end of another request's wait": same("Closed a")
  }
}

/** The tag, the request and the notification of a state or an action. */
const format = (value: InboxEntry.State | InboxEntry.Action): string => {
  if (value._tag === "Respond") return value.delivery
  const request = "pending" in value ? value.pending.authReqId : "authReqId" in value ? value.authReqId : undefined
  const parts = [
    request && Redacted.value(request).replace("request-", ""),
    "notification" in value && value.notification && nameOf(value.notification)
  ]
  return [value._tag, ...parts.filter(Boolean)].join(" ")
}

const nameOf = ({ authReqId, body }: Notification): string => {
  const json = Redacted.value(body)
  return Predicate.hasProperty(json, "text") ? String(json.text) : Redacted.value(authReqId).replace("request-", "")
}

const names = <Name extends string>(record: Readonly<Record<Name, unknown>>) => Struct.keys(record)

describe("InboxEntry.step", () => {
  for (const stateName of names(states)) {
    for (const eventName of names(events)) {
      const [state, action] = table[stateName][eventName]
      it(`turns "${stateName}" into "${state}" on ${eventName}, and the inbox has to do "${action}"`, () => {
        const [nextState, nextAction] = InboxEntry.step(states[stateName], events[eventName])
        expect([format(nextState), format(nextAction)]).toEqual([state, action])
      })
    }
  }

  it("keeps the same state object when an event changes nothing, so that no wait is woken", () => {
    for (const state of [states.Delivered, states["Closed after a notification"]]) {
      expect(InboxEntry.step(state, events.acknowledgement)[0]).toBe(state)
      expect(InboxEntry.step(state, events.notification)[0]).toBe(state)
    }
  })
})

describe("InboxEntry.deliveredNotification", () => {
  const isAvailable = (name: StateName, id: string) =>
    InboxEntry.deliveredNotification(states[name], authReqId(id)) !== undefined

  it("is available in the states that follow a delivery, and not while a ping waits for the acknowledgement", () => {
    const available = names(states).filter((name) => isAvailable(name, "request-a"))
    expect(available).toEqual(["Unsaved", "Delivered", "Closed after a notification"])
  })

  it("is never that of another request with the same client notification token (K2)", () => {
    expect(names(states).filter((name) => isAvailable(name, "request-b"))).toEqual([])
  })
})
