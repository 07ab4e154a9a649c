import type { QueryClient } from "@tanstack/react-query";
import { createRootRouteWithContext, createRoute, createRouter } from "@tanstack/react-router";
import {
  connectionsQuery,
  kindsQuery,
  orchestratorQuery,
  orchestratorsQuery,
  providersQuery,
  runQuery,
  sessionQuery,
} from "@/api/queries";
import type { LetterState, Verdict } from "@/api/types";
import { ErrorPage, NotFoundPage, PendingPage } from "@/shell/fallbacks";
import { Shell } from "@/shell/shell";
import { laterScreen } from "@/ui";

/* Every address of the app. A screen's code and its first data are fetched at the same time: the loaders start queries and
   wait for none but who is signed in. What is searched, filtered or opened stands in the address: `validateSearch` says what that may be. */

const root = createRootRouteWithContext<{ queryClient: QueryClient }>()({
  component: Shell,
  notFoundComponent: NotFoundPage,
  // What a person may do decides what keys do: no screen is there before that is known. Where it cannot be told, each says so.
  loader: async ({ context: { queryClient } }) => {
    await queryClient.ensureQueryData(sessionQuery).catch(() => undefined);
  },
});

const LETTERS: readonly LetterState[] = ["replaying", "resolved", "superseded", "dropped"];
const VERDICTS: readonly Verdict[] = ["accepted", "duplicate", "gone", "invalid", "unknown", "refused"];

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  component: laterScreen(() => import("@/routes/home"), "HomePage"),
});

const orchestrators = createRoute({
  getParentRoute: () => root,
  path: "/orchestrators",
  /** `bin`: those that were deleted. */
  validateSearch: optional((search) => ({ q: text(search.q), bin: search.bin === true ? true : undefined })),
  loader: ({ context: { queryClient } }) => void queryClient.prefetchInfiniteQuery(orchestratorsQuery()),
  component: laterScreen(() => import("@/routes/orchestrators"), "OrchestratorsPage"),
});

const orchestrator = createRoute({
  getParentRoute: () => root,
  path: "/orchestrators/$id",
  /** `run`: shown over the canvas. `revision`: an earlier one. `compare`: it with "current", or what is drawn, "mine", or what is "published" with it. `node`: selected, its panel open. `panel`: of the left rail; in it, comments: `threads` that are "resolved", `mine`, `about` a node, the `thread` on show. `drawer`: at the bottom. */
  validateSearch: optional((search) => ({
    run: text(search.run),
    node: text(search.node),
    panel: text(search.panel),
    drawer: text(search.drawer),
    revision: whole(search.revision),
    compare: text(search.compare),
    threads: text(search.threads),
    mine: search.mine === true ? true : undefined,
    about: text(search.about),
    thread: text(search.thread),
    data: text(search.data),
    ...logPlace(search),
  })),
  loader: ({ context: { queryClient }, params }) => {
    void queryClient.prefetchQuery(orchestratorQuery(params.id));
    void queryClient.prefetchQuery(kindsQuery);
    void queryClient.prefetchQuery(providersQuery);
  },
  component: laterScreen(() => import("@/routes/orchestrator"), "OrchestratorPage"),
});

const workflows = createRoute({
  getParentRoute: () => root,
  path: "/workflows",
  /** `workflow`: the one whose preview is open; `from`: its connection. The rest narrows the list. */
  validateSearch: optional((search) => ({
    provider: text(search.provider),
    connection: text(search.connection),
    q: text(search.q),
    active: typeof search.active === "boolean" ? search.active : undefined,
    tag: text(search.tag),
    folder: text(search.folder),
    trigger: text(search.trigger),
    used: typeof search.used === "boolean" ? search.used : undefined,
    changed: search.changed === true ? true : undefined,
    result: text(search.result),
    workflow: text(search.workflow),
    from: text(search.from),
  })),
  loader: ({ context: { queryClient } }) => void queryClient.prefetchQuery(providersQuery),
  component: laterScreen(() => import("@/routes/workflows"), "WorkflowsPage"),
});

const runs = createRoute({
  getParentRoute: () => root,
  path: "/runs",
  validateSearch: optional((search) => ({
    status: texts(search.status),
    orchestratorId: text(search.orchestratorId),
    provider: text(search.provider),
    trigger: text(search.trigger),
    label: texts(search.label),
    q: text(search.q),
    since: text(search.since),
    until: text(search.until),
    by: text(search.by),
    error: text(search.error),
    minSeconds: positive(search.minSeconds),
    held: search.held === true ? true : undefined,
    slow: search.slow === true ? true : undefined,
    waitingForMe: search.waitingForMe === true ? true : undefined,
    archived: search.archived === true ? true : undefined,
    revision: whole(search.revision),
    group: text(search.group),
  })),
  component: laterScreen(() => import("@/routes/runs"), "RunsPage"),
});

const run = createRoute({
  getParentRoute: () => root,
  path: "/runs/$runId",
  /** `view`: timeline, canvas or list. `node`: the selected step, `tab`: of it. `open`: steps whose remote tasks are shown. `compare`: the run beside this one. `data`: inputs or result. `again`: the re-run dialog is open. */
  validateSearch: optional((search) => ({
    view: text(search.view),
    node: text(search.node),
    tab: text(search.tab),
    open: texts(search.open),
    ...logPlace(search),
    compare: text(search.compare),
    data: text(search.data),
    again: search.again === true ? true : undefined,
  })),
  loader: ({ context: { queryClient }, params }) => void queryClient.prefetchQuery(runQuery(params.runId)),
  component: laterScreen(() => import("@/routes/run"), "RunPage"),
});

const connections = createRoute({
  getParentRoute: () => root,
  path: "/connections",
  /** `add`: the provider of the dialog that is open ("" for its first step). `open`: the connection whose details are shown. */
  validateSearch: optional((search) => ({
    add: typeof search.add === "string" ? search.add : undefined,
    open: text(search.open),
  })),
  loader: ({ context: { queryClient } }) => {
    void queryClient.prefetchQuery(connectionsQuery());
    void queryClient.prefetchQuery(providersQuery);
  },
  component: laterScreen(() => import("@/routes/connections"), "ConnectionsPage"),
});

const inbound = createRoute({
  getParentRoute: () => root,
  path: "/inbound",
  /** `open`: the callback whose body is shown. */
  validateSearch: optional((search) => ({
    verdict: VERDICTS.find((verdict) => verdict === search.verdict),
    q: text(search.q),
    open: whole(search.open),
  })),
  component: laterScreen(() => import("@/routes/inbound"), "InboundPage"),
});

const deadLetters = createRoute({
  getParentRoute: () => root,
  path: "/dead-letters",
  /** `state`: other than the open ones. `open`: the letter that is shown. */
  validateSearch: optional((search) => ({
    state: LETTERS.find((state) => state === search.state),
    q: text(search.q),
    orchestratorId: text(search.orchestratorId),
    open: text(search.open),
  })),
  component: laterScreen(() => import("@/routes/dead-letters"), "DeadLettersPage"),
});

const check = createRoute({
  getParentRoute: () => root,
  path: "/check",
  component: laterScreen(() => import("@/routes/check"), "CheckPage"),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: "/settings",
  /** `section`: one of `routes/settings/sections.ts`. The others are of its audit log: who, what, and the id of what. */
  validateSearch: optional((search) => ({
    section: text(search.section),
    by: text(search.by),
    action: text(search.action),
    object: text(search.object),
  })),
  component: laterScreen(() => import("@/routes/settings"), "SettingsPage"),
});

const tree = root.addChildren([
  home,
  orchestrators,
  orchestrator,
  workflows,
  runs,
  run,
  connections,
  inbound,
  deadLetters,
  check,
  settings,
]);

export function createAppRouter(queryClient: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { queryClient },
    defaultPreload: "intent",
    defaultPreloadStaleTime: 0,
    defaultErrorComponent: ErrorPage,
    defaultPendingComponent: PendingPage,
    defaultNotFoundComponent: NotFoundPage,
    scrollRestoration: true,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}

type Search = Record<string, unknown>;

/** Every part of a search may be absent; links name only what they set. */
function optional<T extends object>(read: (search: Search) => T): (search: Search) => Partial<T> {
  return (search) =>
    Object.fromEntries(Object.entries(read(search)).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** Of a log: what is searched, its source and level, the line that is linked to, and whether it has the whole window. */
function logPlace(search: Search) {
  return {
    find: text(search.find),
    source: text(search.source),
    level: text(search.level),
    line: whole(search.line),
    full: search.full === true ? true : undefined,
  };
}

function text(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function texts(value: unknown): string[] | undefined {
  const list = (Array.isArray(value) ? value : [value]).map(text).filter((item) => item !== undefined);
  return list.length ? list : undefined;
}

function whole(value: unknown): number | undefined {
  const number = Number(value);
  return value !== undefined && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

function positive(value: unknown): number | undefined {
  const number = Number(value);
  return value !== undefined && Number.isFinite(number) && number > 0 ? number : undefined;
}
