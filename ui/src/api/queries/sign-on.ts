import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "../client";
import { keys } from "./keys";

/** Where else the person can sign in, and where they could. */
export const identitiesQuery = queryOptions({
  queryKey: keys.account.identities,
  queryFn: ({ signal }) => data(api.GET("/api/v1/account/identities", { signal })),
});

export function useUnlinkIdentity() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: async (id: string) => {
      await api.DELETE("/api/v1/account/identities/{id}", { params: { path: { id } } });
    },
    onSuccess: () => client.invalidateQueries({ queryKey: keys.account.identities }),
  });
}

/** The issuers that the server's file names. Admins only. */
export const issuersQuery = queryOptions({
  queryKey: keys.issuers,
  queryFn: ({ signal }) => data(api.GET("/api/v1/sign-on/issuers", { signal })),
  staleTime: Number.POSITIVE_INFINITY,
});

/** Asks an issuer for its documents, now. */
export function useTestIssuer() {
  return useMutation({
    mutationFn: (name: string) =>
      data(api.POST("/api/v1/sign-on/issuers/{name}/test", { params: { path: { name } } })),
  });
}
