import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { api, data } from "../client";
import { PAGES } from "../pages";
import type { JsonObject } from "../types";
import { keys } from "./keys";

const asked = {
  queryKey: keys.providers.all,
  queryFn: ({ signal }: { signal: AbortSignal }) =>
    data(api.GET("/api/v1/orchestrator/providers", { signal })),
  staleTime: 60_000,
};

/** Every platform that can be connected, with its form and its connections. */
export const providersQuery = queryOptions({ ...asked, select: (found) => found.items });

/** Which secret stores are set up on this server. */
export const secretStoresQuery = queryOptions({ ...asked, select: (found) => found.secretStores });

export type WorkflowFilter = { connectionId?: string; q?: string; active?: boolean };

/** Workflows of a connection by name, from a copy that says how old it is (`syncedAt`, `stale`, `problem`). */
export function workflowsQuery(provider: string, filter: WorkflowFilter = {}) {
  return infiniteQueryOptions({
    queryKey: keys.providers.workflows(provider, filter),
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET("/api/v1/orchestrator/providers/{provider}/workflows", {
          params: { path: { provider }, query: { ...filter, limit: 200, cursor: pageParam } },
          signal,
        }),
      ),
    ...PAGES,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });
}

/** The steps of a workflow, its inputs and outputs, its fingerprint. */
export function previewQuery(provider: string, workflowId: string, connectionId: string | null = null) {
  return queryOptions({
    queryKey: keys.providers.preview(provider, connectionId, workflowId),
    queryFn: ({ signal }) =>
      data(api.GET(PREVIEW, previewParams(provider, workflowId, connectionId, false, signal))),
    staleTime: 60_000,
  });
}

/** Ask the platform now. */
export function useRefreshPreview() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (of: { provider: string; workflowId: string; connectionId: string | null }) =>
      data(api.GET(PREVIEW, previewParams(of.provider, of.workflowId, of.connectionId, true))),
    onSuccess: (preview, of) =>
      client.setQueryData(keys.providers.preview(of.provider, of.connectionId, of.workflowId), preview),
  });
}

/** Keep an address and credentials, after a test of them; a failed test is a Problem with status 422 unless `force`. */
export function useConnect() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({
      provider,
      force,
      ...body
    }: {
      provider: string;
      name: string;
      credentials: JsonObject;
      allowPrivateNetwork?: boolean;
      force?: boolean;
    }) =>
      data(
        api.POST("/api/v1/orchestrator/providers/{provider}/connect", {
          params: { path: { provider }, query: force ? { force } : {} },
          body,
        }),
      ),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keys.providers.all });
      await client.invalidateQueries({ queryKey: keys.connections.all });
      await client.invalidateQueries({ queryKey: keys.offers.all });
    },
  });
}

/** Try new credentials, or those of a connection. Starts nothing there and keeps nothing here. */
export function useTestConnection() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({
      provider,
      ...body
    }: {
      provider: string;
      credentials?: JsonObject;
      connectionId?: string;
      allowPrivateNetwork?: boolean;
    }) =>
      data(
        api.POST("/api/v1/orchestrator/providers/{provider}/test", { params: { path: { provider } }, body }),
      ),
    onSuccess: (_, { connectionId }) =>
      connectionId ? client.invalidateQueries({ queryKey: keys.connections.all }) : undefined,
  });
}

const PREVIEW = "/api/v1/orchestrator/providers/{provider}/workflows/{workflowId}/preview";

function previewParams(
  provider: string,
  workflowId: string,
  connectionId: string | null,
  refresh: boolean,
  signal?: AbortSignal,
) {
  const query = { ...(connectionId && { connectionId }), ...(refresh && { refresh }) };
  return { params: { path: { provider, workflowId }, query }, signal };
}
