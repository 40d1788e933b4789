/**
 * The standard claims about an end-user, in ID Tokens and UserInfo responses. Nothing depends on them: one that cannot be read counts as
 * absent.
 *
 * @see OpenID Connect Core 1.0 section 5.1
 */
import { Schema } from "effect"
import { EpochSeconds } from "../internal/EpochSeconds.ts"
import { flag, lenient, text } from "../internal/ForeignMember.ts"

/** OpenID Connect Core 5.1.1. Others add members, such as `country_code` of OpenID Connect for Identity Assurance. */
const Address = Schema.StructWithRest(
  Schema.Struct({
    formatted: text,
    street_address: text,
    locality: text,
    region: text,
    postal_code: text,
    country: text
  }),
  [Schema.Record(Schema.String, Schema.Unknown)]
)

type Flag = "email_verified" | "phone_number_verified"

type Text =
  | "name"
  | "given_name"
  | "family_name"
  | "middle_name"
  | "nickname"
  | "preferred_username"
  | "profile"
  | "picture"
  | "website"
  | "email"
  | "gender"
  | "birthdate"
  | "zoneinfo"
  | "locale"
  | "phone_number"

const address = lenient(Address)

/** Seconds since the epoch. */
const seconds = lenient(EpochSeconds)

/** The members of a schema of claims. A flag may be a text, as some providers send it. */
export const members: Readonly<Record<Text, typeof text>> &
  Readonly<Record<Flag, typeof flag>> & { readonly address: typeof address; readonly updated_at: typeof seconds } = {
  name: text,
  given_name: text,
  family_name: text,
  middle_name: text,
  nickname: text,
  preferred_username: text,
  profile: text,
  picture: text,
  website: text,
  email: text,
  email_verified: flag,
  gender: text,
  birthdate: text,
  zoneinfo: text,
  locale: text,
  phone_number: text,
  phone_number_verified: flag,
  address,
  updated_at: seconds
}
