import { infiniteQueryOptions, keepPreviousData } from "@tanstack/react-query";
import { api, data } from "../client";
import { PAGES } from "../pages";
import type { AuditFilter } from "../types";
import { keys } from "./keys";

/** Who changed what, newest first, page by page. Admins only. */
export function auditQuery(filter: AuditFilter) {
  return infiniteQueryOptions({
    queryKey: keys.audit(filter),
    queryFn: ({ pageParam, signal }) =>
      data(api.GET("/api/v1/audit", { params: { query: { ...filter, cursor: pageParam } }, signal })),
    ...PAGES,
    placeholderData: keepPreviousData,
    staleTime: 0,
  });
}

/** The address of all lines that match, as a file. */
export function auditFile(filter: AuditFilter, format: "csv" | "jsonl"): string {
  const given = Object.entries({ ...filter, format }).filter(([, value]) => value);
  return `/api/v1/audit/export?${new URLSearchParams(given)}`;
}
