import { infiniteQueryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, data } from "../client";
import { PAGES } from "../pages";
import type { Role } from "../types";
import { keys } from "./keys";

/** Who is in this workspace. Admins only. */
export const peopleQuery = infiniteQueryOptions({
  queryKey: keys.people,
  queryFn: ({ pageParam, signal }) =>
    data(api.GET("/api/v1/people", { params: { query: { limit: 100, cursor: pageParam } }, signal })),
  ...PAGES,
});

/** Invitations that nobody has accepted, newest first. Admins only. */
export const invitationsQuery = infiniteQueryOptions({
  queryKey: keys.invitations,
  queryFn: ({ pageParam, signal }) =>
    data(api.GET("/api/v1/invitations", { params: { query: { limit: 100, cursor: pageParam } }, signal })),
  ...PAGES,
});

/** The answer holds the invitation's link, this once; it is forgotten with the screen that shows it. */
export function useInvite() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: { email: string; role: Role }) => data(api.POST("/api/v1/invitations", { body })),
    gcTime: 0,
    onSuccess: () => client.invalidateQueries({ queryKey: keys.invitations }),
  });
}

export function useWithdrawInvitation() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => api.DELETE("/api/v1/invitations/{id}", { params: { path: { id } } }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.invitations }),
  });
}

export function useChangeRole() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: ({ id, role }: { id: string; role: Role }) =>
      api.PATCH("/api/v1/people/{id}", { params: { path: { id } }, body: { role } }),
    onSettled: () => client.invalidateQueries({ queryKey: keys.people }),
  });
}

export function useRemovePerson() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => api.DELETE("/api/v1/people/{id}", { params: { path: { id } } }),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.people }),
  });
}
