/** Every key of the cache. The first word is the noun, so that `invalidateQueries({ queryKey: keys.runs.all })` reaches all of it. */
export const keys = {
  session: ["session"] as const,
  ready: ["ready"] as const,
  kinds: ["kinds"] as const,
  tokens: ["tokens"] as const,
  signingSecrets: ["signing-secrets"] as const,
  account: {
    sessions: ["account", "sessions"] as const,
    tokens: ["account", "tokens"] as const,
    identities: ["account", "identities"] as const,
  },
  issuers: ["issuers"] as const,
  audit: (filter: object) => ["audit", filter] as const,
  redaction: {
    all: ["redaction"] as const,
    rules: ["redaction", "rules"] as const,
    preview: (rule: object) => ["redaction", "preview", rule] as const,
  },
  people: ["people"] as const,
  invitations: ["invitations"] as const,
  workspaces: ["workspaces"] as const,
  callbacks: {
    all: ["callbacks"] as const,
    list: (filter: object) => ["callbacks", "list", filter] as const,
    one: (id: number) => ["callbacks", "one", id] as const,
    run: (runId: string) => ["callbacks", "run", runId] as const,
    bursts: ["callbacks", "bursts"] as const,
  },
  letters: {
    all: ["letters"] as const,
    list: (filter: object) => ["letters", "list", filter] as const,
    one: (id: string) => ["letters", "one", id] as const,
    matching: (filter: object) => ["letters", "matching", filter] as const,
    bulk: (id: string) => ["letters", "bulk", id] as const,
  },
  orchestrators: {
    all: ["orchestrators"] as const,
    list: (q: string, deleted: boolean) => ["orchestrators", "list", q, deleted] as const,
    one: (id: string) => ["orchestrators", "one", id] as const,
    revisions: (id: string) => ["orchestrators", "one", id, "revisions"] as const,
    revision: (id: string, revision: number) => ["orchestrators", "one", id, "revisions", revision] as const,
    plan: (id: string, shape: string) => ["orchestrators", "plan", id, shape] as const,
    check: (definition: unknown) => ["orchestrators", "check", definition] as const,
    publishable: (id: string, of: unknown) => ["orchestrators", "publishable", id, of] as const,
  },
  /** What its stream says of an open drawing. */
  drawing: {
    all: (id: string) => ["drawing", id] as const,
    people: (id: string) => ["drawing", id, "people"] as const,
    newest: (id: string) => ["drawing", id, "newest"] as const,
    discussed: (id: string) => ["drawing", id, "discussed"] as const,
  },
  comments: {
    all: (orchestrator: string) => ["comments", orchestrator] as const,
    list: (orchestrator: string, filter: object) => ["comments", orchestrator, filter] as const,
  },
  samples: {
    all: ["samples"] as const,
    one: (orchestrator: string, node: string, shape: string) =>
      ["samples", orchestrator, node, shape] as const,
    render: (value: unknown, sample: string) => ["samples", "render", value, sample] as const,
    map: (mappings: unknown, sample: string) => ["samples", "map", mappings, sample] as const,
  },
  runs: {
    all: ["runs"] as const,
    list: (filter: object) => ["runs", "list", filter] as const,
    summary: (filter: object) => ["runs", "summary", filter] as const,
    errors: (filter: object) => ["runs", "errors", filter] as const,
    one: (id: string) => ["runs", "one", id] as const,
    events: (id: string) => ["runs", "one", id, "events"] as const,
    retryPlan: (id: string, body: object) => ["runs", "one", id, "retry-plan", body] as const,
    tasks: (id: string, node: string, live: boolean) => ["runs", "one", id, "tasks", node, live] as const,
    logs: (id: string, filter: object) => ["runs", "one", id, "logs", filter] as const,
  },
  providers: {
    all: ["providers"] as const,
    workflows: (provider: string, filter: object) => ["providers", provider, "workflows", filter] as const,
    preview: (provider: string, connectionId: string | null, workflowId: string) =>
      ["providers", provider, "preview", connectionId, workflowId] as const,
  },
  offers: {
    all: ["offers"] as const,
    list: (filter: object) => ["offers", "list", filter] as const,
    usages: (of: object) => ["offers", "usages", of] as const,
    node: (connectionId: string, workflowId: string) => ["offers", "node", connectionId, workflowId] as const,
    drift: (orchestrator: string, revision: number) => ["offers", "drift", orchestrator, revision] as const,
  },
  connections: {
    all: ["connections"] as const,
    list: (provider: string | null) => ["connections", "list", provider] as const,
    one: (id: string) => ["connections", "one", id] as const,
  },
};
