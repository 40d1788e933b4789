import { readFileSync } from "node:fs"
import type { PendingRequest } from "@effect-ciba/authorization-server/Approver"
import { type Html, html } from "./Html.ts"
import { Screen } from "./Phone.ts"

const template = readFileSync(new URL("phone.html", import.meta.url), "utf8")

/** The whole page; its only style and its only script carry the nonce. */
export const page = (screen: Screen, nonce: string, now: number): string =>
  template.replaceAll("{{nonce}}", () => nonce).replace("{{main}}", () => main(screen, now))

/** The part of the page that changes with the screen. */
export const main = (screen: Screen, now: number): string =>
  Screen.$match(screen, { Quiet: () => quiet, Asked: (asked) => question(asked, now), Decided: decision }).markup

const scopes: Readonly<Record<string, Html>> = {
  openid: html`<b>That it is you</b>`,
  profile: html`<b>Your name</b>`,
  email: html`<b>Your e-mail address</b>`,
  phone: html`<b>Your phone number</b>`,
  address: html`<b>Your postal address</b>`,
  offline_access: html`<b>To stay connected</b> when you are away`
}

const quiet = html`<main data-screen="quiet">
  <div class="badge resting" aria-hidden="true">${icon("bell")}</div>
  <h1 tabindex="-1">Nothing to approve</h1>
  <p class="lead" role="status">Authentication requests for you appear here.</p>
</main>`

const question = ({ request, token, autopilot, since }: Extract<Screen, { _tag: "Asked" }>, now: number): Html =>
  html`<main data-screen="asked" data-token="${token}">
  <div class="badge" aria-hidden="true">${request.client.name.slice(0, 1)}</div>
  <h1 tabindex="-1">${request.client.name} asks if it is you</h1>
  <p class="lead">Approve only if you are dealing with them right now.</p>
  ${code(request)}
  <section>
    <h2>They will learn</h2>
    <ul>${request.scope.map((scope) => html`<li>${icon("tick")}<span>${scopes[scope] ?? scope}</span></li>`)}</ul>
  </section>
  <form method="post" action="/decision">
    <input type="hidden" name="token" value="${token}">
    <p class="time"><span>This request expires in</span> ${countdown(request.expiresAt - now, "clock")}</p>
    <progress data-total="${request.expiresAt - since}" max="1" value="1" aria-hidden="true"></progress>
    <div class="buttons">
      <button name="decision" value="deny">Deny</button>
      <button name="decision" value="approve" class="primary">Approve</button>
    </div>
    ${
      autopilot === undefined
        ? html`<p class="note">Take your time: the demo waits for you.</p>`
        : html`<p class="note">Without your decision the demo ${autopilot.decision === "approve" ? "approves" : "denies"} by itself in ${countdown(
            since + autopilot.seconds * 1000 - now,
            "seconds"
          )}. Touch the page to decide yourself.</p>`
    }
  </form>
</main>`

const code = ({ bindingMessage, client }: PendingRequest): ReadonlyArray<Html> =>
  bindingMessage === undefined
    ? []
    : [
        html`<section class="code">
    <h2>${client.name} shows you this code</h2>
    <p><span class="visually-hidden">${[...bindingMessage].join(" ")}</span>
      <span aria-hidden="true">${[...bindingMessage].map((character) => html`<kbd>${character}</kbd>`)}</span></p>
  </section>`
      ]

const outcomes = {
  approve: {
    title: "Approved",
    text: (name: string) => `${name} knows now that it is you. You can put the phone away.`
  },
  deny: { title: "Denied", text: (name: string) => `${name} learns only that you denied.` },
  expire: { title: "Too late", text: (name: string) => `The request expired, and ${name} learned nothing.` }
}

const decision = ({ request, outcome, by }: Extract<Screen, { _tag: "Decided" }>): Html =>
  html`<main data-screen="decided" data-outcome="${outcome}">
  <div class="badge ${outcome}" aria-hidden="true">${icon(outcome)}</div>
  <h1 tabindex="-1">${outcomes[outcome].title}</h1>
  <p class="lead" role="status">${outcomes[outcome].text(request.client.name)}</p>
  ${by === "autopilot" && outcome !== "expire" ? html`<p class="note">The page was not used, so the demo decided by itself.</p>` : ""}
</main>`

const countdown = (milliseconds: number, shape: "clock" | "seconds"): Html => {
  const seconds = Math.max(0, Math.ceil(milliseconds / 1000))
  const text =
    shape === "seconds" ? `${seconds} s` : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
  return html`<b class="count" data-left="${milliseconds}" data-shape="${shape}">${text}</b>`
}

function icon(name: "bell" | "tick" | "approve" | "deny" | "expire"): Html {
  return html`<svg viewBox="0 0 24 24" aria-hidden="true"><use href="#${name}"/></svg>`
}
