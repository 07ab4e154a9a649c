import { infiniteQueryOptions, type QueryClient, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "../client";
import { PAGES } from "../pages";
import type { NewToken } from "../types";
import { keys } from "./keys";

/** Where the person is signed in, this place first. */
export const sessionsQuery = infiniteQueryOptions({
  queryKey: keys.account.sessions,
  queryFn: ({ pageParam, signal }) =>
    data(api.GET("/api/v1/account/sessions", { params: { query: { cursor: pageParam } }, signal })),
  ...PAGES,
});

/** The person's own tokens that were not revoked, newest first. */
export const ownTokensQuery = infiniteQueryOptions({
  queryKey: keys.account.tokens,
  queryFn: ({ pageParam, signal }) =>
    data(api.GET("/api/v1/account/tokens", { params: { query: { cursor: pageParam } }, signal })),
  ...PAGES,
});

/** The workspaces the person is in, by name. */
export const workspacesQuery = infiniteQueryOptions({
  queryKey: keys.workspaces,
  queryFn: ({ pageParam, signal }) =>
    data(api.GET("/api/v1/workspaces", { params: { query: { cursor: pageParam } }, signal })),
  ...PAGES,
  staleTime: Number.POSITIVE_INFINITY,
});

/** Everything on screen is of the old one, so the page begins anew. */
export function useSwitchWorkspace() {
  return useMutation({
    mutationFn: (workspaceId: string) => api.PUT("/api/v1/session/workspace", { body: { workspaceId } }),
    onSuccess: () => window.location.assign("/"),
  });
}

export function useCreateWorkspace() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => data(api.POST("/api/v1/workspaces", { body: { name } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.workspaces }),
  });
}

export function useRenameWorkspace() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, name }: { id: string; name: string }) =>
      api.PATCH("/api/v1/workspaces/{id}", { params: { path: { id } }, body: { name } }),
    onSuccess: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: keys.workspaces }),
        client.invalidateQueries({ queryKey: keys.session }),
      ]),
  });
}

export function useRenameAccount() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => data(api.PATCH("/api/v1/account", { body: { name } })),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.session }),
  });
}

/** Every other session ends. `current` null: there was none; then `email` is given. */
export function useChangePassword() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { current: string | null; new: string; email: string | null }) =>
      api.PUT("/api/v1/account/password", { body }),
    gcTime: 0,
    onSuccess: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: keys.session }),
        client.invalidateQueries({ queryKey: keys.account.sessions }),
      ]),
  });
}

/** One of the person's sessions; null: all but this one. */
export function useEndSession() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string | null) =>
      id === null
        ? api.DELETE("/api/v1/account/sessions")
        : api.DELETE("/api/v1/account/sessions/{id}", { params: { path: { id } } }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.account.sessions }),
  });
}

/** Admins see them among those of the workspace, too. */
function ownTokensChanged(client: QueryClient) {
  return Promise.all([
    client.invalidateQueries({ queryKey: keys.account.tokens }),
    client.invalidateQueries({ queryKey: keys.tokens }),
  ]);
}

/** The answer holds the token's text, this once; it is forgotten with the screen that shows it. */
export function useCreateOwnToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: NewToken) => data(api.POST("/api/v1/account/tokens", { body })),
    gcTime: 0,
    onSuccess: () => ownTokensChanged(client),
  });
}

export function useRevokeOwnToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (id: string) => {
      await api.DELETE("/api/v1/account/tokens/{id}", { params: { path: { id } } });
    },
    onSuccess: () => ownTokensChanged(client),
  });
}
