import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { api, data } from "../client";
import { PAGES } from "../pages";
import type { Graph, OrchestratorDetail } from "../types";
import { keys } from "./keys";

/** Orchestrators, newest first, page by page; `q` is a part of the name. `deleted`: those in the bin instead. */
export function orchestratorsQuery(q = "", deleted = false) {
  return infiniteQueryOptions({
    queryKey: keys.orchestrators.list(q, deleted),
    queryFn: ({ pageParam, signal }) =>
      data(api.GET("/api/v1/orchestrator", { params: { query: { q, deleted, cursor: pageParam } }, signal })),
    ...PAGES,
    placeholderData: keepPreviousData,
  });
}

/** One orchestrator at its newest revision, with its problems. */
export function orchestratorQuery(id: string) {
  return queryOptions({
    queryKey: keys.orchestrators.one(id),
    queryFn: ({ signal }) => data(api.GET("/api/v1/orchestrator/{id}", { params: { path: { id } }, signal })),
  });
}

/** Every save, newest first, page by page. */
export function revisionsQuery(id: string) {
  return infiniteQueryOptions({
    queryKey: keys.orchestrators.revisions(id),
    queryFn: ({ pageParam, signal }) =>
      data(
        api.GET("/api/v1/orchestrator/{id}/revisions", {
          params: { path: { id }, query: { cursor: pageParam } },
          signal,
        }),
      ),
    ...PAGES,
  });
}

/** One save, whole. It never changes. */
export function revisionQuery(id: string, revision: number) {
  return queryOptions({
    queryKey: keys.orchestrators.revision(id, revision),
    queryFn: ({ signal }) =>
      data(
        api.GET("/api/v1/orchestrator/{id}/revisions/{revision}", {
          params: { path: { id, revision } },
          signal,
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });
}

/** What would keep an unsaved definition from running. */
export function checkQuery(definition: Graph) {
  return queryOptions({
    queryKey: keys.orchestrators.check(definition),
    queryFn: ({ signal }) => data(api.POST("/api/v1/orchestrator/check", { body: { definition }, signal })),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 60_000,
    placeholderData: keepPreviousData,
  });
}

export function useCreateOrchestrator() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; description?: string; definition: Graph }) =>
      data(api.POST("/api/v1/orchestrator", { body })),
    onSuccess: (made) => kept(client, made),
  });
}

/** Save; `revision` is the one that was edited: a newer one on the server is a Problem with status 412. Without it, overwrite. */
export function useSaveOrchestrator(id: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({
      revision,
      ...body
    }: {
      name?: string;
      description?: string;
      definition?: Graph;
      revision?: number;
    }) =>
      data(
        api.PUT("/api/v1/orchestrator/{id}", {
          params: { path: { id }, header: revision === undefined ? {} : { "if-match": `"${revision}"` } },
          body,
        }),
      ),
    onSuccess: (saved) => kept(client, saved),
  });
}

export function useDeleteOrchestrator() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (id: string) => {
      await api.DELETE("/api/v1/orchestrator/{id}", { params: { path: { id } } });
    },
    onSuccess: (_, id) => {
      client.removeQueries({ queryKey: keys.orchestrators.one(id) });
      return client.invalidateQueries({ queryKey: keys.orchestrators.all });
    },
  });
}

/** Out of the bin. */
export function useRestoreOrchestrator() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      data(api.POST("/api/v1/orchestrator/{id}/restore", { params: { path: { id } } })),
    onSuccess: (made) => kept(client, made),
  });
}

/** What would keep a revision, or a drawing that is not saved, from being published. The platforms are asked each time. */
export function publishableQuery(id: string, of: { revision: number } | { definition: Graph }) {
  return queryOptions({
    queryKey: keys.orchestrators.publishable(id, of),
    queryFn: ({ signal }) =>
      data(
        api.POST("/api/v1/orchestrator/{id}/publish/check", { params: { path: { id } }, body: of, signal }),
      ),
    staleTime: 0,
    gcTime: 0,
  });
}

/** From now on triggers run this revision; without one, the newest again. */
export function usePublish(id: string) {
  const client = useQueryClient();
  const params = { path: { id } };
  return useMutation({
    mutationFn: ({ revision, message }: { revision: number | null; message?: string }) =>
      data(
        revision === null
          ? api.POST("/api/v1/orchestrator/{id}/unpublish", { params })
          : api.POST("/api/v1/orchestrator/{id}/publish", {
              params,
              body: { revision, message: message ?? "" },
            }),
      ),
    onSuccess: (done) => {
      kept(client, done);
      void client.invalidateQueries({ queryKey: ["offers", "usages"] });
    },
  });
}

function kept(client: ReturnType<typeof useQueryClient>, saved: OrchestratorDetail): void {
  client.setQueryData(keys.orchestrators.one(saved.id), saved);
  void client.invalidateQueries({ queryKey: ["orchestrators", "list"] });
  void client.invalidateQueries({ queryKey: keys.orchestrators.revisions(saved.id) });
}
