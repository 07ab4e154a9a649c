import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { api, data } from "../client";
import { PAGES } from "../pages";
import type { NodeState, OfferConnection, RemoteNode } from "../types";
import { keys } from "./keys";

export type OfferFilter = {
  q?: string;
  provider?: string;
  connectionId?: string;
  active?: boolean;
  tag?: string;
  folder?: string;
  trigger?: string;
  used?: boolean;
  changed?: boolean;
  result?: NodeState;
};

/** The workflows of all connections by name, from the copies; looked for again while a list is being read. */
export function offersQuery(filter: OfferFilter = {}) {
  return infiniteQueryOptions({
    queryKey: keys.offers.list(filter),
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET("/api/v1/orchestrator/workflows", {
          params: { query: { ...filter, limit: 200, cursor: pageParam } },
          signal,
        }),
      ),
    ...PAGES,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
    refetchInterval: ({ state }) => nextLook(state.data?.pages[0]?.connections ?? []),
  });
}

/** Milliseconds until something new can be known: soon while a list is being read, else when one that failed is tried again. */
function nextLook(parts: readonly OfferConnection[]): number | false {
  if (parts.some((each) => each.renewing)) return 1500;
  const again = parts.flatMap((each) => (each.retryAt ? [Date.parse(each.retryAt) - Date.now()] : []));
  return again.length > 0 && Math.max(5000, Math.min(...again));
}

/** Every list is read anew; nobody waits for it. */
export function useRefreshOffers() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () =>
      data(api.GET("/api/v1/orchestrator/workflows", { params: { query: { refresh: true, limit: 1 } } })),
    onSuccess: () => client.invalidateQueries({ queryKey: ["offers", "list"] }),
  });
}

type Used = { connectionId?: string; provider?: string; workflowId?: string; changed?: boolean };

/** The steps of current drawings that use a connection, or a remote workflow; or one that has changed since it was imported. */
export function usagesQuery(of: Used) {
  return queryOptions({
    queryKey: keys.offers.usages(of),
    queryFn: async ({ signal }) =>
      (await data(api.GET("/api/v1/orchestrator/usages", { params: { query: of }, signal }))).items,
  });
}

/** A workflow, told well enough to be imported. */
export type Importable = { provider: string; connectionId: string; id: string; name: string };

/** The workflow as a node, with what its platform says of it now. */
export function remoteNode(of: Importable): Promise<RemoteNode> {
  return data(
    api.GET("/api/v1/orchestrator/providers/{provider}/workflows/{workflowId}/node", {
      params: {
        path: { provider: of.provider, workflowId: of.id },
        query: { connectionId: of.connectionId },
      },
    }),
  );
}

/** The same, to look at: its example of what it takes. */
export function remoteNodeQuery(of: Importable) {
  return queryOptions({
    queryKey: keys.offers.node(of.connectionId, of.id),
    queryFn: () => remoteNode(of),
    staleTime: 60_000,
  });
}

/** Whether what was imported has changed since, by the drawing as it was saved last: `revision`. */
export function driftQuery(orchestrator: string, revision: number) {
  return queryOptions({
    queryKey: keys.offers.drift(orchestrator, revision),
    queryFn: async ({ signal }) =>
      (
        await data(
          api.GET("/api/v1/orchestrator/{id}/drift", { params: { path: { id: orchestrator } }, signal }),
        )
      ).items,
    staleTime: 60_000,
    refetchInterval: ({ state }) => (state.data?.some((each) => each.renewing) ? 1500 : false),
  });
}

/** The platforms are asked now. */
export function useCheckDrift(orchestrator: string, revision: number) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () =>
      data(
        api.GET("/api/v1/orchestrator/{id}/drift", {
          params: { path: { id: orchestrator }, query: { refresh: true } },
        }),
      ),
    onSuccess: ({ items }) => client.setQueryData(keys.offers.drift(orchestrator, revision), items),
  });
}

/** The sandbox platforms, started in the server, connected, with the sample chain. */
export function useStartSandbox() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => data(api.POST("/api/v1/orchestrator/sandbox")),
    onSuccess: async () => {
      await Promise.all(
        [keys.connections.all, keys.providers.all, keys.offers.all, keys.orchestrators.all].map((queryKey) =>
          client.invalidateQueries({ queryKey }),
        ),
      );
    },
  });
}
