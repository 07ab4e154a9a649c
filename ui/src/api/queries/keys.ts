/** Every key of the cache. The first word is the noun, so that `invalidateQueries({ queryKey: keys.runs.all })` reaches all of it. */
export const keys = {
  session: ["session"] as const,
  ready: ["ready"] as const,
  kinds: ["kinds"] as const,
  tokens: ["tokens"] as const,
  callbacks: (verdict: string | null) => ["callbacks", verdict] as const,
  orchestrators: {
    all: ["orchestrators"] as const,
    list: (q: string) => ["orchestrators", "list", q] as const,
    one: (id: string) => ["orchestrators", "one", id] as const,
    revisions: (id: string) => ["orchestrators", "one", id, "revisions"] as const,
    revision: (id: string, revision: number) => ["orchestrators", "one", id, "revisions", revision] as const,
    check: (definition: unknown) => ["orchestrators", "check", definition] as const,
  },
  runs: {
    all: ["runs"] as const,
    list: (filter: object) => ["runs", "list", filter] as const,
    one: (id: string) => ["runs", "one", id] as const,
    events: (id: string) => ["runs", "one", id, "events"] as const,
    logs: (id: string, filter: object) => ["runs", "one", id, "logs", filter] as const,
  },
  providers: {
    all: ["providers"] as const,
    workflows: (provider: string, filter: object) => ["providers", provider, "workflows", filter] as const,
    preview: (provider: string, connectionId: string | null, workflowId: string) =>
      ["providers", provider, "preview", connectionId, workflowId] as const,
  },
  connections: {
    all: ["connections"] as const,
    list: (provider: string | null) => ["connections", "list", provider] as const,
    one: (id: string) => ["connections", "one", id] as const,
  },
};
