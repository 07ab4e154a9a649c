import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "../client";
import type { Connection, JsonObject } from "../types";
import { keys } from "./keys";

/** Connections, oldest first, all of them. Never a secret. */
export function connectionsQuery(provider: string | null = null) {
  return queryOptions({
    queryKey: keys.connections.list(provider),
    queryFn: async ({ signal }) => {
      const found: Connection[] = [];
      let cursor: string | undefined;
      do {
        const query = { limit: 200, cursor, ...(provider && { provider }) };
        const page = await data(api.GET("/api/v1/orchestrator/connections", { params: { query }, signal }));
        found.push(...page.items);
        cursor = page.nextCursor ?? undefined;
      } while (cursor);
      return found;
    },
  });
}

export function connectionQuery(id: string) {
  return queryOptions({
    queryKey: keys.connections.one(id),
    queryFn: ({ signal }) =>
      data(api.GET("/api/v1/orchestrator/connections/{id}", { params: { path: { id } }, signal })),
  });
}

/** Rename, switch off or on, or give other credentials (tested first; `force` keeps them all the same). */
export function useChangeConnection(id: string) {
  return useChanging(
    ({
      force,
      ...body
    }: {
      name?: string;
      status?: "ACTIVE" | "INACTIVE";
      baseUrl?: string;
      credentials?: JsonObject;
      allowPrivateNetwork?: boolean;
      use?: Connection["use"];
      force?: boolean;
    }) =>
      data(
        api.PATCH("/api/v1/orchestrator/connections/{id}", {
          params: { path: { id }, query: force ? { force } : {} },
          body,
        }),
      ),
  );
}

/** The next test of a platform that is out of order is made now. */
export function useProbe(id: string) {
  return useChanging(() =>
    data(api.POST("/api/v1/orchestrator/connections/{id}/breaker/probe", { params: { path: { id } } })),
  );
}

/** Held steps go on, whatever the platform says. */
export function useCloseBreaker(id: string) {
  return useChanging(() =>
    data(api.POST("/api/v1/orchestrator/connections/{id}/breaker/close", { params: { path: { id } } })),
  );
}

/** In use is a Problem with status 409 that names the orchestrators; `force` deletes all the same. */
export function useDeleteConnection() {
  return useChanging(async ({ id, force }: { id: string; force?: boolean }) => {
    await api.DELETE("/api/v1/orchestrator/connections/{id}", {
      params: { path: { id }, query: force ? { force } : {} },
    });
  });
}

function useChanging<V, R>(mutationFn: (variables: V) => Promise<R>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn,
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keys.connections.all });
      await client.invalidateQueries({ queryKey: keys.providers.all });
      await client.invalidateQueries({ queryKey: keys.offers.all });
    },
  });
}
