import type { Adapter, AdapterFactory, AdapterPayload } from "oidc-provider"

/** Storage for oidc-provider that keeps expired entries, so that a late poll gets `expired_token` and not `invalid_grant`. */
export const make = (): AdapterFactory => {
  const stored = new Map<string, AdapterPayload>()
  return (model) => adapter(stored, model)
}

const adapter = (stored: Map<string, AdapterPayload>, model: string): Adapter => {
  const key = (id: string) => `${model}:${id}`
  const findBy = (property: "uid" | "userCode", value: string) =>
    [...stored].find(([name, payload]) => name.startsWith(`${model}:`) && payload[property] === value)?.[1]
  return {
    upsert: async (id, payload) => void stored.set(key(id), payload),
    find: async (id) => stored.get(key(id)),
    findByUid: async (uid) => findBy("uid", uid),
    findByUserCode: async (userCode) => findBy("userCode", userCode),
    consume: async (id) => {
      const payload = stored.get(key(id))
      if (payload !== undefined) stored.set(key(id), { ...payload, consumed: Math.floor(Date.now() / 1000) })
    },
    destroy: async (id) => void stored.delete(key(id)),
    revokeByGrantId: async (grantId) => {
      for (const [name, payload] of stored) {
        if (payload.grantId === grantId) stored.delete(name)
      }
    }
  }
}
