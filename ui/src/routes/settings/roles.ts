import type { Role } from "@/api/types";

export const ROLES: ReadonlyArray<{ value: Role; label: string; hint: string }> = [
  { value: "viewer", label: "Viewer", hint: "Reads" },
  { value: "operator", label: "Operator", hint: "Starts, cancels and retries runs, too" },
  { value: "editor", label: "Editor", hint: "Saves orchestrators and connections, too" },
  { value: "admin", label: "Admin", hint: "Everything, tokens included" },
];
