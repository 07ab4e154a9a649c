import { infiniteQueryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "../client";
import { PAGES } from "../pages";
import type { NewToken } from "../types";
import { keys } from "./keys";

/** API tokens that were not revoked, newest first, page by page. Admins only. */
export const tokensQuery = infiniteQueryOptions({
  queryKey: keys.tokens,
  queryFn: ({ pageParam, signal }) =>
    data(api.GET("/api/v1/tokens", { params: { query: { limit: 100, cursor: pageParam } }, signal })),
  ...PAGES,
});

/** The answer holds the token's text, this once; it is forgotten with the screen that shows it. */
export function useCreateToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: NewToken) => data(api.POST("/api/v1/tokens", { body })),
    gcTime: 0,
    onSuccess: () => client.invalidateQueries({ queryKey: keys.tokens }),
  });
}

export function useRevokeToken() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (id: string) => {
      await api.DELETE("/api/v1/tokens/{id}", { params: { path: { id } } });
    },
    onSuccess: () => client.invalidateQueries({ queryKey: keys.tokens }),
  });
}
